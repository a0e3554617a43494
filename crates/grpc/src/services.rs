//! The services behind the gate, each found by its name in the path.
//!
//! tonic's own router is made for services of any kind and a few more ways to find them; here every call takes one look at nine
//! names.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::BoxFuture;
use tonic::server::NamedService;
use tower::Service;

type Answer = BoxFuture<Response<Body>, Infallible>;

/// What tonic generates for a service, by reference: it is always ready, and a clone of it costs a count.
trait Serve: Send + Sync {
    fn serve(&self, request: Request<Body>) -> Answer;
}

impl<S> Serve for S
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future = Answer>,
    S: Clone + Send + Sync,
{
    fn serve(&self, request: Request<Body>) -> Answer {
        self.clone().call(request)
    }
}

/// Services by name.
#[derive(Clone, Default)]
pub struct Services(Arc<Vec<(&'static str, Arc<dyn Serve>)>>);

impl Services {
    /// These and another one.
    #[must_use]
    pub fn with<S>(mut self, service: S) -> Services
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future = Answer>,
        S: NamedService + Clone + Send + Sync + 'static,
    {
        Arc::make_mut(&mut self.0).push((S::NAME, Arc::new(service)));
        self
    }

    fn find(&self, path: &str) -> Option<&dyn Serve> {
        let (name, _) = path.strip_prefix('/')?.split_once('/')?;
        self.0.iter().find(|(known, _)| *known == name).map(|(_, service)| &**service)
    }
}

impl Service<Request<Body>> for Services {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Answer {
        match self.find(request.uri().path()) {
            Some(service) => service.serve(request),
            None => Box::pin(async { Ok(Status::unimplemented("there is no such service").into_http()) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone)]
    struct Echo(&'static str);

    impl NamedService for Echo {
        const NAME: &'static str = "echo.Echo";
    }

    impl Service<Request<Body>> for Echo {
        type Response = Response<Body>;
        type Error = Infallible;
        type Future = Answer;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Request<Body>) -> Answer {
            let reply = Response::builder().header("from", self.0).body(Body::empty());
            Box::pin(async { Ok(reply.expect("the header is one")) })
        }
    }

    async fn code(services: &Services, path: &str) -> Option<String> {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        let Ok(reply) = services.clone().call(request).await;
        let code = reply.headers().get("grpc-status");
        code.map(|code| code.to_str().unwrap().to_owned())
    }

    #[tokio::test]
    async fn a_service_is_found_by_its_whole_name_only() {
        let services = Services::default().with(Echo("here"));
        for path in ["/echo.Echo/Call", "/echo.Echo/"] {
            assert_eq!(code(&services, path).await, None, "{path}");
        }
        for path in
            ["/echo.Echo2/Call", "/echo.Ech/Call", "/echo.Echo", "/", "/Echo/Call", "//echo.Echo/Call"]
        {
            assert_eq!(code(&services, path).await.as_deref(), Some("12"), "{path}");
        }
    }
}
