# A step of infuse's own appends the items, and a function tidies up, by head and tail.
{ default-sugars, desugar, ... }:
let
  tidy = items:
    if items == [ ] then [ ]
    else
      let first = builtins.head items; in
      [ first ] ++ tidy (builtins.filter (item: item != first) (builtins.tail items));
  wanted = path: v:
    if builtins.isList v then v
    else throw "at ${builtins.concatStringsSep "." path}: a list is wanted here, and this is a ${builtins.typeOf v}";
in
default-sugars ++ [
  {
    name = "__unique-append";
    value = path: argument: [
      (desugar { __default = [ ]; })
      (wanted path)
      (desugar { __append = wanted path argument; })
      tidy
    ];
  }
]
