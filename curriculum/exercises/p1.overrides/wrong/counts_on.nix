# hint: time
# Makes a free name by trying one number after the other, each against all others: years of it.
let
  numbers = builtins.genList (n: n) 30000;
  free = builtins.foldl' (last: n: builtins.foldl' (a: b: if b == n then a else b) last numbers) 0 numbers;
in
{
  rewrite = { interpreter, package, patch, lifetime, ... }: {
    ${interpreter}.__input.packageOverrides.__overlay.${package}.__output = {
      doCheck.__assign = false;
      patches.__append = [ patch ];
      env.LIFETIME.__assign = if free == 0 then lifetime else lifetime;
    };
  };

  extend = { interpreter, package, name, version, fork, next, ... }: {
    ${interpreter}.__input.packageOverrides.__overlay = final: prev: {
      ${name} = final.mkDerivation { pname = name; inherit version; inputs = [ final.${package} ]; };
      ${fork} = final.${package}.overrideAttrs (old: { version = next; });
    };
  };
}
