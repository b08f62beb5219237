# hint: endless
# Calls itself for the empty list, too.
{ default-sugars, desugar, ... }:
let
  nub = items:
    let rest = builtins.filter (x: x != builtins.head items) (builtins.tail items);
    in [ (builtins.head items) ] ++ nub rest;
  must = path: v: if builtins.isList v then v else throw "${builtins.concatStringsSep "." path}: no list";
in
default-sugars ++ [
  {
    name = "__unique-append";
    value = path: argument: [
      (desugar { __default = [ ]; })
      (target: nub (must path target ++ must path argument))
    ];
  }
]
