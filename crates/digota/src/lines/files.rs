//! How many files this process may open: a connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit to the hard one: it is there for programs that wait with `select`, which we don't. Returns how many
/// connections there may be: as many as configured, and no more than leaves half of the files to everything else.
pub(crate) fn connections(configured: usize) -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_ok();
    let Some(files) = (if raised { maximum } else { current }) else { return configured };
    let half = usize::try_from(files / 2).unwrap_or(usize::MAX).max(1);
    if half < configured {
        tracing::warn!(
            files,
            connections = half,
            "this process may open too few files for limits.connections_max: raise its limit (ulimit -n, LimitNOFILE)"
        );
    }
    configured.min(half)
}
