# From targets to a system: sources, the compiled database, and the scripts that put it under a running machine.
final:

let
  inherit (builtins)
    attrNames attrValues concatMap concatStringsSep elem filter listToAttrs map mapAttrs stringLength substring;
  inherit (final) pkgs six;

  # Every target, by its name.
  flat = set: concatMap (value: if six.isDerivation value then [ value ] else flat value) (attrValues set);
  targets = listToAttrs (map (t: { name = t.passthru.spath; value = t; }) (flat final.targets));

  # `b before a` is `a after b`: each `before` goes to the other side.
  extra = name: filter (t: elem name (map (b: b.passthru.spath) t.passthru.before)) (attrValues targets);
  ordered = mapAttrs
    (name: target: target.overrideAttrs (old: {
      passthru = old.passthru // { after = (old.passthru.after or [ ]) ++ extra name; };
    }))
    targets;

  # A logger for each longrun that does not say `logger = null`.
  loggers = listToAttrs (concatMap
    (name:
      let logger = targets.${name}.passthru.logger or null; in
      if targets.${name}.passthru.kind != "longrun" || logger == null then [ ]
      else [{ name = "${name}-log"; value = logger name; }])
    (attrNames targets));
  withLogger = name: target:
    if !(loggers ? "${name}-log") then target
    else target.overrideAttrs (old: { files = old.files // { producer-for = "${name}-log\n"; }; });
  consumer = name: logger:
    let producer = substring 0 (stringLength name - 4) name; in
    logger.overrideAttrs (old: {
      files = old.files // { consumer-for = "${producer}\n"; pipeline-name = "${producer}-pipe\n"; };
    });

  definitions = mapAttrs withLogger ordered // mapAttrs consumer loggers;
in
rec {
  # The definition directories, by name.
  inherit definitions;

  # One folder with all of them: what s6-rc-compile reads.
  source = pkgs.runCommand "s6-rc-source" { } ''
    mkdir "$out"
    ${concatStringsSep "\n" (map (name: ''ln -s ${definitions.${name}} "$out/${name}"'') (attrNames definitions))}
  '';

  # The database. A cycle or a dangling name ends the build here, and nothing that runs has changed.
  compiled = pkgs.runCommand "s6-rc-db" { } ''s6-rc-compile "$out" ${source}'';

  # The system: what a generation of the profile is.
  system = pkgs.runCommand "six-system"
    { inherit compiled changed activate init; }
    ''
      mkdir -p "$out/bin" "$out/boot" "$out/six"
      ln -s "$compiled" "$out/six/db"
      printf %s "$changed" >"$out/bin/changed"
      printf %s "$activate" | sed "s|@system@|$out|g" >"$out/bin/activate"
      printf '#!/bin/sh\n%s/bin/changed >/run/six.changed\nexec s6-rc-update -n -f /run/six.changed "%s"\n' \
          "$out" "$compiled" >"$out/bin/dry-activate"
      printf %s "$init" | sed "s|@system@|$out|g" >"$out/boot/init"
      chmod +x "$out"/bin/* "$out/boot/init"
    '';

  # The real s6-rc-update restarts what it is told to: a line for each service that would now run with other files
  # than those it was started with. Ours finds that out by itself, and is told nothing.
  changed = ''
    #!/bin/sh
    PATH=/usr/local/bin:/usr/bin:/bin
    case $(readlink -f "$(command -v s6-rc-update)") in /usr/local/lib/s6rc/*) exit ;; esac
    for new in ${source}/*; do
        old=/run/six.source/''${new##*/}
        [ -d "$old" ] && read -r is <"$new/type" && read -r was <"$old/type" || continue
        [ "$is" = "$was" ] && [ "$is" != bundle ] || continue
        diff -rq -x '*.d' -x 'timeout-up' -x 'timeout-down' -x 'flag-essential' -x '*er-for' -x 'pipeline-name' \
            "$old" "$new" >/dev/null || echo "''${new##*/} restart"
    done
  '';

  # The order matters: services first, then the link that says what runs, then the profile. With -e a failure of
  # one leaves the next undone.
  activate = ''
    #!/bin/sh -e
    PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
    profile=/nix/var/nix/profiles/activated
    if [ -e /run/s6-rc ]; then
        @system@/bin/changed >/run/six.changed
        status=0
        s6-rc-update -v2 -f /run/six.changed ${compiled} || status=$?
        # What the services of the database that counts now are started with, whether all of them came up or not.
        [ "$(readlink -f /run/s6-rc/compiled)" != ${compiled} ] || ln -sfn ${source} /run/six.source
        [ "$status" = 0 ] || exit "$status"
        s6-rc -v2 -up change default
    else
        ln -sfn @system@ /run/booted-system
        s6-rc-init -d -c ${compiled} /run/service
        ln -sfn ${source} /run/six.source
        s6-rc -v2 -up change default
    fi
    ln -sfn @system@ /run/current-system.new
    mv -T /run/current-system.new /run/current-system
    mkdir -p /nix/var/nix/profiles
    [ "$(readlink -f "$profile")" = @system@ ] || nix-env -p "$profile" --set @system@
  '';

  # PID 1: it starts the activation and becomes s6-svscan.
  init = ''
    #!/bin/sh
    PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
    export PATH
    mkdir -p /run/service/.s6-svscan
    printf '#!/bin/sh\ns6-rc -v2 -bDa change\nexec s6-svscanctl -t /run/service\n' >/run/service/.s6-svscan/SIGTERM
    printf '#!/bin/sh\nexit 0\n' >/run/service/.s6-svscan/finish
    chmod +x /run/service/.s6-svscan/*
    (until s6-svscanctl -a /run/service 2>/dev/null; do sleep 0.02; done
    @system@/bin/activate || : >/run/activation.failed) &
    exec s6-svscan /run/service
  '';
}
