# nginx, in front of the app.
{ six, pkgs, targets, port ? 8080, backend ? targets.app, backend-port ? 8000 }:

let
  conf = pkgs.writeText "nginx.conf" ''
    daemon off;
    master_process off; # kill -9 of a master would leave its worker behind, on the port
    user root;
    error_log stderr;
    pid /run/nginx-${toString port}.pid;
    events { }
    http {
        access_log off;
        # /var/lib/nginx is www-data's, and the lab of an ordinary user has no such user.
        client_body_temp_path /run/nginx-body;
        proxy_temp_path /run/nginx-proxy;
        fastcgi_temp_path /run/nginx-fastcgi;
        scgi_temp_path /run/nginx-scgi;
        uwsgi_temp_path /run/nginx-uwsgi;
        server {
            listen ${toString port};
            location / { proxy_pass http://127.0.0.1:${toString backend-port}; }
        }
    }
  '';
in
six.mkFunnel {
  name = "nginx";
  notification-fd = 3;
  timeout-up = 5000;
  down-signal = "SIGQUIT";
  run = "exec 2>&1\nexec s6-notifyoncheck -d -n 0 -w 50 ${pkgs.nginx} -c ${conf}";
  data.check = "#!/bin/sh\n${pkgs.curl} -s -o /dev/null http://127.0.0.1:${toString port}/\n";
  passthru = { after = [ backend ]; before = [ targets.default ]; };
}
