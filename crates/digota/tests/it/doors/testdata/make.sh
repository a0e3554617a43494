#!/usr/bin/env bash
# Makes the certificates beside it with openssl, as certstrap and openssl users have them. Valid for a hundred years.
# Run in this folder; the tests need what it made, not openssl.
set -euo pipefail

days=36500
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT

# What `openssl req` asks for; names are PrintableString, as Go writes them.
cat >"$work/req.cnf" <<'CNF'
[req]
distinguished_name = name
string_mask = default
[name]
CNF

# issue CA NAME SERIAL DIGEST 'EXTENSION LINES': a certificate for the key NAME.key. Without lines it is of version 1.
issue() {
    openssl req -new -config "$work/req.cnf" -key "$2.key" -subj "/CN=$2" -out "$work/csr"
    printf '%b' "$5" >"$work/ext"
    local ext=()
    [ -z "$5" ] || ext=(-extfile "$work/ext")
    openssl x509 -req -in "$work/csr" -CA "$1.crt" -CAkey "$work/$1.key" -set_serial "$3" "-$4" -days $days \
        "${ext[@]}" -out "$2.crt"
}

rsa() { openssl genrsa -traditional -out "$1.key" "$2"; }
ec() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key"; }

# certstrap init: RSA of 4096 bits, serial 1, extensions in the order that Go writes them.
openssl genrsa -traditional -out "$work/certstrap-ca.key" 4096
openssl req -x509 -config "$work/req.cnf" -key "$work/certstrap-ca.key" -subj '/CN=certstrap-ca' -set_serial 1 -sha256 -days $days \
    -addext 'keyUsage = critical, keyCertSign, cRLSign' -addext 'basicConstraints = critical, CA:TRUE, pathlen:0' \
    -addext 'subjectKeyIdentifier = hash' -out certstrap-ca.crt

# certstrap sign: a serial of up to 128 bits whose first may be set, both usages, no basic constraints, PKCS #1 keys.
profile='keyUsage = critical, digitalSignature, keyEncipherment, dataEncipherment, keyAgreement
extendedKeyUsage = serverAuth, clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
'
rsa certstrap-cn 4096
issue certstrap-ca certstrap-cn 0xF3A1C04E5B7796D2883910AACDEF0142 sha256 "$profile"
rsa certstrap-domain 2048
issue certstrap-ca certstrap-domain 0x0B sha256 "${profile}subjectAltName = DNS:shop.company.com, IP:10.0.0.7"

# A CA as `openssl req -x509` makes it.
openssl genrsa -traditional -out "$work/openssl-ca.key" 2048
openssl req -x509 -key "$work/openssl-ca.key" -subj '/C=US/O=Company, Inc./CN=ca.company.com' -sha256 -days $days -out openssl-ca.crt

# Clients as `openssl x509 -req -extfile` makes them: with and without subject alternative name and extended key usage.
rsa rsa-plain 2048
issue openssl-ca rsa-plain 0x1001 sha256 'basicConstraints = CA:FALSE'
rsa rsa-full 3072
issue openssl-ca rsa-full 0x1002 sha384 'subjectAltName = DNS:shop\nextendedKeyUsage = clientAuth\nkeyUsage = digitalSignature'
ec ec-plain
issue openssl-ca ec-plain 0x1003 sha256 'subjectKeyIdentifier = hash'
ec ec-full
issue openssl-ca ec-full 0x1004 sha256 'subjectAltName = email:shop@company.com\nextendedKeyUsage = clientAuth, emailProtection'

# What is turned away.
ec version-1
issue openssl-ca version-1 0x2001 sha256 ''
ec for-servers
issue openssl-ca for-servers 0x2002 sha256 'extendedKeyUsage = serverAuth'
rsa enciphers-only 2048
issue openssl-ca enciphers-only 0x2003 sha256 'keyUsage = critical, keyEncipherment'
ec is-a-ca
issue openssl-ca is-a-ca 0x2004 sha256 'basicConstraints = critical, CA:TRUE'
ec signed-with-sha1
issue openssl-ca signed-with-sha1 0x2005 sha1 'extendedKeyUsage = clientAuth'
rsa too-short 1024
issue openssl-ca too-short 0x2006 sha256 'extendedKeyUsage = clientAuth'
ec serial-zero
issue openssl-ca serial-zero 0 sha256 'extendedKeyUsage = clientAuth'
ec serial-too-long
issue openssl-ca serial-too-long 0x7f000000000000000000000000000000000000000001 sha256 'extendedKeyUsage = clientAuth'
