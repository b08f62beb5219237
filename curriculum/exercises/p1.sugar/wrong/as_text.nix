# hint: kinds
# Compares texts: 1 and "1" are the same to it.
{ default-sugars, desugar, ... }:
let
  text = v: if builtins.isAttrs v || builtins.isList v then builtins.toJSON v else toString v;
  add = list: item: if builtins.elem item list then list else list ++ [ item ];
  must = path: what: v:
    if builtins.isList v then v
    else throw "${builtins.concatStringsSep "." path}: ${what} is a ${builtins.typeOf v}, no list";
in
default-sugars ++ [
  {
    name = "__unique-append";
    value = path: argument: [
      (desugar { __default = [ ]; })
      (target: builtins.foldl'
        (list: item: if builtins.elem (text item) (map text list) then list else list ++ [ item ])
        [ ] ((must path "the target" target) ++ (must path "the argument" argument)))
    ];
  }
]
