# hint: others
# Makes __append drop repeats, too.
{ default-sugars, desugar, ... }:
let
  add = list: item: if builtins.elem item list then list else list ++ [ item ];
  must = path: what: v:
    if builtins.isList v then v
    else throw "${builtins.concatStringsSep "." path}: ${what} is a ${builtins.typeOf v}, no list";
in
map (s: if s.name != "__append" then s else s // {
  value = path: argument: [ (s.value path argument) (v: if builtins.isList v then builtins.foldl' add [ ] v else v) ];
}) default-sugars ++ [
  {
    name = "__unique-append";
    value = path: argument: [ (desugar { __default = [ ]; }) (target: builtins.foldl' add [ ] ((must path "the target" target) ++ (must path "the argument" argument))) ];
  }
]
