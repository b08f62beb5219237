# hint: no-list
# Gives one sugar, no list.
{ default-sugars, desugar, ... }:
let
  add = list: item: if builtins.elem item list then list else list ++ [ item ];
  must = path: what: v:
    if builtins.isList v then v
    else throw "${builtins.concatStringsSep "." path}: ${what} is a ${builtins.typeOf v}, no list";
in
{
  name = "__unique-append";
  value = path: argument: target: builtins.foldl' add [ ] (must path "the target" target ++ argument);
}
