#include "distributed/collective/register.h"

#include "distributed/collective/algorithm_collectives.h"
#include "distributed/collective/null_collectives.h"
#include "distributed/collective/reference.h"
#include "distributed/simulator/simulated_transport.h"
#include "distributed/transport/mpi_collectives.h"
#include "distributed/transport/mpi_transport.h"
#include "distributed/transport/nccl_transport.h"
#include "distributed/transport/null_transport.h"
#include "distributed/transport/shm_transport.h"
#include "distributed/transport/tcp_transport.h"
#include "distributed/transport/thread_transport.h"

namespace strata::distributed {

void RegisterAllTransports() {
  RegisterThreadTransport();
  RegisterShmTransport();
  RegisterTcpTransport();
  RegisterMpiTransport();
  RegisterNcclTransport();
  RegisterNullTransport();
  RegisterSimulatedTransport();
}

void RegisterAllCollectives() {
  RegisterAlgorithmCollectives();
  RegisterMpiCollectives();
  RegisterReferenceCollectives();
  RegisterNullCollectives();
}

}  // namespace strata::distributed
