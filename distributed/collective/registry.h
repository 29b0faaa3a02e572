// The registry of collective algorithms: a flag picks how the ranks of a run combine their data.
//
//   RegisterAlgorithmCollectives();
//   STRATA_ASSIGN_OR_RETURN(auto collectives, CollectivesRegistry().Create("ring", transport));
//   device_options.collectives = collectives.get();
#ifndef STRATA_DISTRIBUTED_COLLECTIVE_REGISTRY_H_
#define STRATA_DISTRIBUTED_COLLECTIVE_REGISTRY_H_

#include "base/registry.h"
#include "compiler/device/collectives.h"
#include "distributed/transport/transport.h"

namespace strata::distributed {

// The transport must outlive what is made on it.
inline Registry<compiler::Collectives, Transport&>& CollectivesRegistry() {
  static auto* registry = new Registry<compiler::Collectives, Transport&>("collectives");
  return *registry;
}

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_COLLECTIVE_REGISTRY_H_
