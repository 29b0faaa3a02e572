// Registers everything there is, for programs that take a transport and an algorithm by name. Idempotent.
//
//   RegisterAllTransports();
//   RegisterAllCollectives();
//   STRATA_ASSIGN_OR_RETURN(auto world, WorldRegistry().Create(flags.transport, flags.ranks));
//   ... STRATA_ASSIGN_OR_RETURN(auto collectives, CollectivesRegistry().Create(flags.collectives, transport));
#ifndef STRATA_DISTRIBUTED_COLLECTIVE_REGISTER_H_
#define STRATA_DISTRIBUTED_COLLECTIVE_REGISTER_H_

#include "distributed/collective/registry.h"
#include "distributed/transport/world.h"

namespace strata::distributed {

void RegisterAllTransports();  // "thread", "shm", "tcp", "mpi", "nccl", "null", "simulated"
void RegisterAllCollectives();  // the algorithms of the table, "auto", "measured"; "mpi", "reference", "null"

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_COLLECTIVE_REGISTER_H_
