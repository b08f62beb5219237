# SixOS in miniature: a system is described by functions and compiled into a service database.
#
#   system = import ./. { configuration = final: { targets.redis = _: final.services.redis { }; }; };
#
# A *service* is a function in by-name/<two letters>/<name>/service.nix. A *target* is a service with all its
# arguments, or a bundle: a derivation whose output is a definition directory of s6-rc. `configuration` is an
# infusion of everything below; it may look at the result through `final`.
#
# The words, the folders and the steps are those of SixOS, https://codeberg.org/amjoseph/sixos, at a hundredth of
# its size. What differs is listed in the README beside this file.
{ configuration ? (final: { })
, pkgs ? import ./pkgs.nix
, infuse ? (import ../infuse.nix { }).v1.infuse
}:

let
  inherit (builtins) attrNames concatMap functionArgs intersectAttrs isFunction listToAttrs map readDir;

  # services.NAME, for each folder by-name/NA/NAME.
  services = final: listToAttrs (concatMap
    (letters: map
      (name: {
        inherit name;
        value = final.callPackage (./by-name + "/${letters}/${name}/service.nix");
      })
      (attrNames (readDir (./by-name + "/${letters}"))))
    (attrNames (readDir ./by-name)));

  base = final: {
    inherit pkgs infuse;
    six = import ./mk.nix { inherit final; };
    services = services final;
    # Arguments that a function names and the caller does not give are looked up here.
    callPackage = path: arguments:
      let function = import path;
      in overridable
        (given: function (intersectAttrs (functionArgs function) final // given))
        (result: result)
        arguments;
    targets = import ./targets.nix final;
  };

  # What a service gives can be given other arguments: `override`, which infuse calls `__input`. As in nixpkgs, what
  # `overrideAttrs` has changed (`__output`) stays changed.
  overridable = call: after: arguments:
    let result = after (call arguments); in result // {
      override = f: overridable call after (arguments // (if isFunction f then f arguments else f));
      overrideAttrs = f: overridable call (result: (after result).overrideAttrs f) arguments;
    };

  # `final` is the result, seen from inside of it: Nix computes a value when it is looked at, not before.
  final =
    let infused = infuse (base final) (configuration final);
    in infused // { targets = final.six.named [ ] infused.targets; };
in
final // import ./system.nix final
