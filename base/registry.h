// A registry by name: how a flag picks an implementation of an interface.
//
//   inline Registry<Transport>& TransportRegistry() { static Registry<Transport> r("transport"); return r; }
//   TransportRegistry().Register("thread", [] { return std::make_unique<ThreadTransport>(); });
//   auto transport = TransportRegistry().Create("thread");
//
// Registration happens in explicit Register…() functions called by the tops (no static initialisers), so that what is
// linked is what is visible in the code. Not thread-safe during registration.
#ifndef STRATA_BASE_REGISTRY_H_
#define STRATA_BASE_REGISTRY_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "base/status.h"

namespace strata {

template <typename Interface, typename... Args>
class Registry {
 public:
  using Factory = std::function<absl::StatusOr<std::unique_ptr<Interface>>(Args...)>;

  explicit Registry(std::string kind) : kind_(std::move(kind)) {}

  // A later registration under the same name wins.
  void Register(const std::string& name, Factory factory) { factories_[name] = std::move(factory); }

  // NOT_FOUND lists the names there are.
  absl::StatusOr<std::unique_ptr<Interface>> Create(const std::string& name, Args... args) const {
    auto it = factories_.find(name);
    if (it == factories_.end()) {
      return absl::NotFoundError(absl::StrCat("no ", kind_, " named '", name,
                                              "'; there is: ", absl::StrJoin(Names(), ", ")));
    }
    return it->second(std::forward<Args>(args)...);
  }

  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& [name, factory] : factories_) names.push_back(name);
    return names;
  }

 private:
  std::string kind_;
  std::map<std::string, Factory> factories_;
};

}  // namespace strata

#endif  // STRATA_BASE_REGISTRY_H_
