# hint: endless
# Looks for its end in a list that grows.
{ default-sugars, desugar, ... }:
let
  add = list: item: if builtins.elem item list then list else list ++ [ item ];
  walk = n: items: if n < 0 then items else walk (n + 1) items;
in
default-sugars ++ [
  {
    name = "__unique-append";
    value = path: argument: [
      (desugar { __default = [ ]; })
      (target: builtins.foldl' add [ ] (walk 0 (target ++ argument)))
    ];
  }
]
