#include "distributed/elastic/tiny_processes.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "distributed/collective/algorithm_collectives.h"
#include "distributed/elastic/checkpoint_store.h"
#include "distributed/elastic/tiny_training.h"
#include "distributed/transport/shm_transport.h"
#include "distributed/transport/tcp_transport.h"
#include "distributed/transport/world.h"

namespace strata::distributed {

absl::StatusOr<std::unique_ptr<LossRecord>> LossRecord::Create(int64_t steps) {
  const size_t bytes = sizeof(Cell) * static_cast<size_t>(steps + 1);
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    return absl::ResourceExhaustedError(absl::StrCat("record of losses: ", std::strerror(errno)));
  return std::unique_ptr<LossRecord>(new LossRecord(static_cast<Cell*>(memory), steps));
}

LossRecord::~LossRecord() { munmap(cells_, sizeof(Cell) * static_cast<size_t>(steps_ + 1)); }

void LossRecord::Post(int64_t step, double loss) {
  uint64_t bits, before = 0;
  std::memcpy(&bits, &loss, sizeof(bits));
  if (!cells_[step].bits.compare_exchange_strong(before, bits) && before != bits)
    cells_[0].trained.fetch_add(1);
  cells_[step].trained.fetch_add(1);
}

std::vector<double> LossRecord::losses() const {
  std::vector<double> losses(static_cast<size_t>(steps_));
  for (size_t i = 0; i < losses.size(); ++i) {
    const uint64_t bits = cells_[i + 1].bits.load();
    std::memcpy(&losses[i], &bits, sizeof(bits));
  }
  return losses;
}

RankMain TinyRankMain(TinyRun run) {
  return [run = std::move(run)](const Seat& seat) -> absl::Status {
    RegisterTcpTransport();
    RegisterShmTransport();
    STRATA_ASSIGN_OR_RETURN(const std::unique_ptr<World> world,
                            WorldRegistry().Create(std::getenv("STRATA_TRANSPORT"), seat.ranks));
    return RunRanks(*world, [&](Transport& transport) {
      AlgorithmCollectives collectives(transport, {.algorithm = "ring"});
      ShardTraineeOptions options;
      options.shards = kTinyShards;
      if (run.change_trainee) run.change_trainee(seat, options);
      ElasticRun elastic;
      elastic.steps = run.steps;
      elastic.save_every = run.save_every;
      elastic.slot = seat.slot;
      if (run.record != nullptr)
        elastic.on_step = [&](int64_t step, double loss) { run.record->Post(step, loss); };
      if (run.change_run) run.change_run(seat, elastic);
      Checkpointer::Options checkpoints;
      checkpoints.root = run.root;
      checkpoints.background = run.background;
      return TrainElastic(TinyTrainee(options), CheckpointCommits(checkpoints), collectives,
                          elastic);
    });
  };
}

}  // namespace strata::distributed
