# Items are told apart by their JSON; a step of infuse's own appends them, and a function tidies up.
{ default-sugars, desugar, ... }:
let
  tidy = items:
    (builtins.foldl'
      (seen: item:
        let key = builtins.toJSON item; in
        if seen.keys ? ${key} then seen
        else { keys = seen.keys // { ${key} = true; }; items = seen.items ++ [ item ]; })
      { keys = { }; items = [ ]; }
      items).items;
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
