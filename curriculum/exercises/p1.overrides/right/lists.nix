# The same in lists: one infusion after another, and names in a function's argument set.
{
  rewrite = names: [
    { ${names.interpreter}.__input.packageOverrides.__overlay.${names.package}.__output.doCheck.__assign = false; }
    {
      ${names.interpreter}.__input = {
        packageOverrides.__overlay.${names.package} = [
          { __output.patches.__append = [ names.patch ]; }
          { __output.env.LIFETIME.__assign = names.lifetime; }
        ];
      };
    }
  ];
  extend = names: {
    ${names.interpreter}.__input.packageOverrides.__overlay = final: prev: {
      ${names.name} = prev.mkDerivation (self: {
        pname = names.name;
        version = names.version;
        inputs = [ final.${names.package} ];
      });
    } // {
      ${names.fork} = final.${names.package}.overrideAttrs { version = names.next; };
    };
  };
}
