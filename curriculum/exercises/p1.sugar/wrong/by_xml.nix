# hint: kinds
# Compares by XML: it has another word for 1 than for 1.0.
{ default-sugars, desugar, ... }:
let
  dots = builtins.concatStringsSep ".";
  uniq = builtins.foldl'
    (seen: x: if builtins.any (y: builtins.toXML y == builtins.toXML x) seen
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
