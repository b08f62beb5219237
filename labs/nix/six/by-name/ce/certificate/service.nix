# A oneshot: a key and a certificate that the key itself has signed, for a server that speaks TLS.
#
# Not a derivation: everybody may read the store, and nobody but the server may read a key.
{ six, pkgs
, name ? "certificate"
, folder ? "/var/lib/certificates/${name}"
, user ? "postgres"
, host ? "localhost"
}:

six.mkOneshot {
  inherit name;
  timeout-up = 30000;
  up = [ "/bin/sh" "-ec" ''
    [ -e ${folder} ] && exit
    umask 077
    rm -rf ${folder}.new
    mkdir -p ${folder}.new
    ${pkgs.openssl} req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
        -subj /CN=${host} -keyout ${folder}.new/key.pem -out ${folder}.new/cert.pem 2>/dev/null
    chmod 755 ${folder}.new "$(dirname ${folder})"
    chown -R ${user}: ${folder}.new 2>/dev/null || :
    mv -T ${folder}.new ${folder}
  '' ];
}
