# What a package set is made of: nixpkgs' own tools by their own names, each as short as it can be.
#
# In nixpkgs: lib/customisation.nix (makeOverridable, callPackageWith), lib/fixed-points.nix (fix,
# composeExtensions), lib/attrsets.nix (recursiveUpdate), pkgs/stdenv/generic/make-derivation.nix (overrideAttrs).
let
  inherit (builtins)
    concatStringsSep foldl' functionArgs intersectAttrs isAttrs isFunction mapAttrs;

  system = builtins.currentSystem or "x86_64-linux";
in
rec {
  # ---- sets that know themselves --------------------------------------------------------------------------

  # A set in which each part can look at the whole, as `final`. Nix computes a value when it is looked at.
  fix = f: let final = f final; in final;

  # Two overlays as one: the second finds in `prev` what the first has left.
  composeExtensions = f: g: final: prev:
    let applied = f final prev; in applied // g final (prev // applied);

  # A function of `final`, extended by overlays, first to last.
  extends = overlays: base: final: let prev = base final; in prev // foldl' composeExtensions (_: _: { }) overlays final prev;

  # `//` at every depth. A list is no attribute set: the right one replaces the left one.
  recursiveUpdate = left: right:
    left // mapAttrs
      (name: value:
        if isAttrs value && isAttrs (left.${name} or null) then recursiveUpdate left.${name} value else value)
      right;

  # ---- .override: other arguments -------------------------------------------------------------------------

  # What f gives, and with it `.override`: a new call of f, with some arguments changed.
  makeOverridable = f: arguments:
    let
      change = new: arguments // (if isFunction new then new arguments else new);
      result = f arguments;
    in
    result // {
      # A set that can be called, because a function does not tell which arguments its f has.
      override = {
        __functor = _: new: makeOverridable f (change new);
        __functionArgs = functionArgs f;
      };
      # .override must still be there after .overrideAttrs: f, and after it the same change.
      overrideAttrs = new: makeOverridable (others: (f others).overrideAttrs new) arguments;
    };

  # f called with what it names: from `scope`, and from `arguments`.
  callPackageWith = scope: f: arguments:
    makeOverridable f (intersectAttrs (functionArgs f) scope // arguments);

  # ---- .overrideAttrs: other attributes -------------------------------------------------------------------

  # A package: a derivation made of attributes, all of which can be seen and changed. `attributes` is a set, or a
  # function of the final one.
  #
  #   pname, version     the name is of both
  #   inputs             packages: $inputs holds their paths
  #   env                variables of the build
  #   patches, flags     lists
  #   checkPhase         run if doCheck is true
  #   installPhase       makes $out
  #   passthru           attributes of the package that are not the build's
  mkDerivation = attributes:
    let
      function = if isFunction attributes then attributes else (_: attributes);
      defaults = {
        version = "0"; inputs = [ ]; env = { }; patches = [ ]; flags = [ ]; passthru = { };
        doCheck = true; checkPhase = ""; installPhase = ''echo "$name" >"$out"'';
      };
      final = defaults // function final;
      name = "${final.pname}-${final.version}";
      built = derivation ({
        inherit name system;
        builder = "/bin/sh";
        args = [ "-ec" (script final) ];
        inputs = map (input: input.outPath) final.inputs;
        inherit (final) version flags patches;
      } // final.env);
    in
    # What a derivation is to Nix (`type`, `drvPath`, `outPath`) and what it was made of.
    final.passthru // final // {
      type = "derivation";
      inherit name system;
      inherit (built) drvPath outPath outputName;
      # `new` is a set, a function of the attributes, or of the final and the previous ones.
      overrideAttrs = new: mkDerivation (final:
        let
          previous = function final;
          once = if isFunction new then new final else new;
          changed =
            if isFunction once then once (defaults // previous)
            else if isFunction new then new (defaults // previous)
            else once;
        in
        previous // changed);
    };

  script = final: concatStringsSep "\n" [
    "PATH=/usr/local/bin:/usr/bin:/bin"
    (if final.doCheck then final.checkPhase else "")
    final.installPhase
  ];

  # ---- what a set holds, as data --------------------------------------------------------------------------

  # A package in a few words of data, for comparing: with its inputs, and theirs.
  summary = package: {
    inherit (package) name doCheck flags patches env;
    inputs = map summary package.inputs;
  };
}
