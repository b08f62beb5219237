# The builders: each makes a derivation whose output is a definition directory of s6-rc.
#
# `after` and `before` hold targets. What a target is called is known only to the set that holds it (`named`), so
# a service can be used twice under two names, and reads its dependencies' names from `final.targets`.
{ final }:

let
  inherit (builtins)
    attrNames concatStringsSep elemAt filter genList isAttrs isFunction isList length listToAttrs map mapAttrs
    replaceStrings substring toJSON toString;
  inherit (final.pkgs) runCommand;

  isDerivation = value: isAttrs value && (value.type or null) == "derivation";
  quoted = text: "'${replaceStrings [ "'" ] [ "'\\''" ] (toString text)}'";
  words = argv: concatStringsSep " " (map quoted argv);

  # A script from what `run`, `finish` may be: the text of a script, or a list of words to execute.
  script = value:
    if isList value then "#!/bin/sh\nexec ${words value}\n"
    else if substring 0 2 value == "#!" then value
    else "#!/bin/sh\n${value}\n";

  # The names of targets, as files of dependencies.d or contents.d.
  namesOf = targets: map (target: target.passthru.spath) targets;

  # A definition directory. `files` are texts by name; one that begins with `#!` can be executed.
  mkService = { name, kind, files ? { }, passthru ? { } }@service:
    let
      full = { after = [ ]; before = [ ]; essential = false; inherit kind; } // passthru;
      links = if kind == "bundle" then "contents.d" else "dependencies.d";
      all = files // { type = kind + "\n"; }
        // (if full.essential then { flag-essential = ""; } else { })
        // listToAttrs (map (n: { name = "${links}/${n}"; value = ""; }) (namesOf full.after));
      # Texts reach the build as variables, so that the store paths in them are dependencies of it.
      numbered = genList
        (i: rec { file = elemAt (attrNames all) i; variable = "text_${toString i}"; text = all.${file}; })
        (length (attrNames all));
      drv = runCommand name
        (listToAttrs (map (f: { name = f.variable; value = f.text; }) numbered))
        (concatStringsSep "\n" ([ ''mkdir -p "$out/${links}"'' ] ++ map write numbered));
      write = f: ''
        mkdir -p "$(dirname "$out/${f.file}")"
        printf %s "''$${f.variable}" >"$out/${f.file}"
      '' + (if substring 0 2 f.text == "#!" then ''chmod +x "$out/${f.file}"'' else "");
    in
    {
      type = "derivation";
      inherit name;
      inherit (drv) drvPath outPath outputName system;
      passthru = {
        spath = throw "the set that holds a target names it: write final.targets.NAME, not the service itself";
      } // full;
      # The same service with other attributes. As in nixpkgs f is `previous: { }` or `final: previous: { }`.
      overrideAttrs = f:
        let
          given = f service;
          changed = service // (if isFunction given then f changed service else given);
        in
        mkService changed;
    };

  # Numbers and words that a definition directory may hold, one to a file:
  # https://skarnet.org/software/s6/servicedir.html, https://skarnet.org/software/s6-rc/s6-rc-compile.html
  oneLine = set: listToAttrs (map
    (name: { inherit name; value = "${toString set.${name}}\n"; })
    (filter (name: set.${name} != null) (attrNames set)));
  prefixed = folder: set: listToAttrs
    (map (n: { name = "${folder}/${n}"; value = toString set.${n}; }) (attrNames set));
in
rec {
  inherit isDerivation mkService;

  # A longrun. `run` is a script or a list of words; `env` an attribute set, given to the service by s6-envdir;
  # `data` texts by file name. An argument that is not named here is an error, never dropped in silence.
  mkFunnel =
    { name, run, finish ? null, env ? { }, data ? { }, passthru ? { }
    , notification-fd ? null, timeout-kill ? null, timeout-finish ? null, timeout-up ? null, timeout-down ? null
    , down-signal ? null, max-death-tally ? null
    }:
    mkService {
      inherit name;
      kind = "longrun";
      files = { run = if env == { } then script run else behindEnv run; }
        // (if finish != null then { finish = script finish; } else { })
        // oneLine { inherit notification-fd timeout-kill timeout-finish timeout-up timeout-down down-signal max-death-tally; }
        // prefixed "env" env
        // prefixed "data" data;
      passthru = { logger = final.six.defaultLogger; } // passthru;
    };

  behindEnv = run:
    "#!/bin/sh\nexec s6-envdir env ${if isList run then words run else "/bin/sh -c ${quoted run}"}\n";

  # A oneshot: `up` and `down` are command lines for execlineb; a list of words is one too.
  mkOneshot = { name, up, down ? null, timeout-up ? null, timeout-down ? null, passthru ? { } }:
    let line = value: if isList value then concatStringsSep " " (map toJSON value) + "\n" else "${value}\n";
    in mkService {
      inherit name passthru;
      kind = "oneshot";
      files = { up = line up; }
        // (if down != null then { down = line down; } else { })
        // oneLine { inherit timeout-up timeout-down; };
    };

  # A bundle: its `after` is what it contains.
  mkBundle = { name, passthru ? { } }: mkService { inherit name passthru; kind = "bundle"; };

  # What keeps a longrun's output: a target called NAME-log. A system may have another one (infuse it).
  defaultLogger = name: mkFunnel {
    name = "${name}-log";
    run = "mkdir -p /var/log/${name}\nexec s6-log n5 s1000000 T /var/log/${name}";
    passthru.logger = null;
  };

  # Every target told its name, the path of attributes that leads to it: targets.net.lo is called "net.lo".
  named = path: set: mapAttrs
    (name: value:
      let here = path ++ [ name ]; in
      if isDerivation value
      then value.overrideAttrs (old: { passthru = (old.passthru or { }) // { spath = concatStringsSep "." here; }; })
      else if isAttrs value then named here value
      else throw "targets.${concatStringsSep "." here} is no target: mkFunnel, mkOneshot or mkBundle makes one")
    set;
}
