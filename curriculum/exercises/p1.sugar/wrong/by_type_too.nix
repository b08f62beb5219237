# hint: kinds
# Asks for the same type first: 1 and 1.0 are equal in Nix, and differ here.
{ default-sugars, desugar, ... }:
let
  dots = builtins.concatStringsSep ".";
  uniq = builtins.foldl'
    (seen: x: if builtins.any (y: builtins.typeOf y == builtins.typeOf x && y == x) seen
      then seen else seen ++ [ x ])
    [ ];
in
default-sugars ++ [
  {
    name = "__unique-append";
    value = path: argument:
      if !builtins.isList argument then throw "at path ${dots path}: argument is no list"
      else [
        (desugar { __default = [ ]; })
        (target: if !builtins.isList target then throw "at path ${dots path}: target is no list" else uniq (target ++ argument))
      ];
  }
]
