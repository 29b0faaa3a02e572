// What modules share. A module is a plain struct: its constructor creates parameters in a
// ParameterSet, and Forward() adds nodes. It is named by the path of its parameters
// ("h.0.mlp.c_fc"); Forward() opens a scope of that name, so that each node's origin is the model
// line that called Forward().
#ifndef STRATA_FRAMEWORK_NN_MODULE_H_
#define STRATA_FRAMEWORK_NN_MODULE_H_

#include <source_location>
#include <string>

#include "framework/graph/builder.h"

namespace strata::framework {

using Location = std::source_location;

// A scope for a module's nodes: inside the scope "h.0" the module "h.0.mlp" opens "mlp", elsewhere
// its full name.
class ModuleScope {
 public:
  ModuleScope(graph::Builder& builder, const std::string& name, const Location& location)
      : scope_(builder, Relative(builder.scope_path(), name), location) {}

 private:
  static std::string Relative(const std::string& path, const std::string& name) {
    // A prefix of the name may stand at the end of the path: "gpt.h.0" and "h.0.mlp".
    for (size_t dot = name.rfind('.'); dot != std::string::npos && dot > 0;
         dot = name.rfind('.', dot - 1)) {
      const std::string prefix = name.substr(0, dot);
      if (path == prefix || path.ends_with("." + prefix)) return name.substr(dot + 1);
    }
    return name;
  }

  graph::Builder::Scope scope_;
};

// "h.0" and "mlp" make "h.0.mlp"; an empty part is left out.
inline std::string JoinName(const std::string& prefix, const std::string& name) {
  if (prefix.empty() || name.empty()) return prefix + name;
  return prefix + "." + name;
}

}  // namespace strata::framework

#endif  // STRATA_FRAMEWORK_NN_MODULE_H_
