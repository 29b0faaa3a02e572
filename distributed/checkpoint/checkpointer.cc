#include "distributed/checkpoint/checkpointer.h"

#include <algorithm>
#include <random>

#include "absl/strings/str_format.h"
#include "base/file.h"
#include "base/textproto.h"
#include "distributed/checkpoint/box_copy.h"
#include "distributed/checkpoint/exchange.h"
#include "distributed/checkpoint/manifest.h"
#include "distributed/checkpoint/store.h"

namespace strata::distributed {
namespace {

using checkpoint::Holding;
using checkpoint::Manifest;
using checkpoint::Offer;
using graph::HostTensor;
using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string NewId() {
  std::random_device random;
  return absl::StrFormat("%08x", random());
}

absl::Status CheckOptions(const Checkpointer::Options& options) {
  const uint64_t block = options.block_bytes;
  if (options.root.empty()) return absl::InvalidArgumentError("root: give a folder");
  if (options.keep < 1) return absl::InvalidArgumentError("keep: must be at least 1");
  if (options.full_every < 1) return absl::InvalidArgumentError("full_every: must be at least 1");
  if (block < 4096 || block > (1 << 30) || (block & (block - 1)) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("block_bytes: ", block, " is no power of two in [4096, 2^30]"));
  }
  return absl::OkStatus();
}

std::string RemedyFor(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kResourceExhausted:
      return "; free space there or save elsewhere";
    case absl::StatusCode::kPermissionDenied:
      return "; make the folder writable or save elsewhere";
    case absl::StatusCode::kNotFound:
      return "; was the folder taken away during the save?";
    default:
      return "";
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Checkpointer>> Checkpointer::Open(const Options& options,
                                                                 compiler::Collectives& ranks) {
  STRATA_RETURN_IF_ERROR(CheckOptions(options));
  std::unique_ptr<Checkpointer> saver(new Checkpointer(options, ranks));
  STRATA_RETURN_IF_ERROR(Agree(ranks, ranks.rank() == 0 ? saver->OpenRoot() : absl::OkStatus()));
  return saver;
}

absl::Status Checkpointer::OpenRoot() {
  STRATA_RETURN_IF_ERROR(MakeFolders(options_.root));
  STRATA_ASSIGN_OR_RETURN(lock_, LockRoot(options_.root, options_.lock_patience));
  STRATA_RETURN_IF_ERROR(RemoveDeadSaves(options_.root));
  STRATA_ASSIGN_OR_RETURN(const Commits commits, ListCommits(options_.root));
  for (const std::vector<Commit>* list : {&commits.whole, &commits.broken}) {
    if (!list->empty()) next_sequence_ = std::max(next_sequence_, list->front().sequence + 1);
  }
  if (!commits.whole.empty()) last_name_ = commits.whole.front().name;
  return absl::OkStatus();
}

absl::Status Checkpointer::Save(int64_t step, absl::Span<const ShardedTensor> state,
                                const std::map<std::string, std::string>& extra) {
  STRATA_RETURN_IF_ERROR(Wait());
  const auto start = Clock::now();
  const absl::StatusOr<Holding> holding = MakeHolding(state);
  bool same_cells = false;
  STRATA_ASSIGN_OR_RETURN(const Offer offer, ExchangeOffers(step, holding, &same_cells));
  if (!same_cells) STRATA_RETURN_IF_ERROR(ExchangeHoldings(*holding));
  SaveJob::Input input;
  input.rank = ranks_.rank();
  const std::string name = CheckpointFolderName(step, offer.id());
  input.part.folder = JoinPath(options_.root, name);
  input.part.file =
      absl::StrFormat("rank-%05d-of-%05d.%s.safetensors", ranks_.rank(), ranks_.size(), offer.id());
  last_name_ = offer.last();
  if (!last_name_.empty() && !offer.full()) {
    input.part.previous = JoinPath(options_.root, last_name_);
  }
  input.part.block_bytes = options_.block_bytes;
  input.part.cells = Snapshot(state);
  if (ranks_.rank() == 0) input.manifest = NewManifest(offer, extra);
  input.keep = options_.keep;
  in_flight_ = {};
  in_flight_.step = step;
  in_flight_.name = name;
  in_flight_.folder = input.part.folder;
  for (const ShardedTensor& cell : input.part.cells)
    in_flight_.bytes_copied += cell.local.size_bytes();
  job_ = std::make_unique<SaveJob>(std::move(input));
  in_flight_.stall_seconds = SecondsSince(start);
  return options_.background ? absl::OkStatus() : Wait();
}

absl::StatusOr<Offer> Checkpointer::ExchangeOffers(int64_t step,
                                                   const absl::StatusOr<Holding>& holding,
                                                   bool* same_cells) {
  Offer mine;
  *mine.mutable_verdict() =
      ToVerdict(step < 0 ? absl::InvalidArgumentError(absl::StrCat("step ", step, " is below 0"))
                         : holding.status());
  mine.set_step(step);
  mine.set_same_cells(!plan_.empty() && holding.ok() &&
                      SerializeDeterministic(*holding) == holding_);
  if (ranks_.rank() == 0) {
    mine.set_id(NewId());
    mine.set_last(last_name_);
    mine.set_full(full_next_ ||
                  saves_since_full_ + 1 >= static_cast<uint32_t>(options_.full_every));
  }
  STRATA_ASSIGN_OR_RETURN(const std::vector<Offer> offers, AllGatherMessages(ranks_, mine));
  *same_cells = true;
  for (size_t r = 0; r < offers.size(); ++r) {
    STRATA_RETURN_IF_ERROR(Annotate(FromVerdict(offers[r].verdict()), absl::StrCat("rank ", r)));
    if (offers[r].step() != offers[0].step()) {
      return absl::InvalidArgumentError(absl::StrCat("rank ", r, " saves step ", offers[r].step(),
                                                     ", rank 0 step ", offers[0].step()));
    }
    *same_cells &= offers[r].same_cells();
  }
  return offers[0];
}

absl::Status Checkpointer::ExchangeHoldings(const Holding& holding) {
  plan_.clear();
  STRATA_ASSIGN_OR_RETURN(const std::vector<Holding> holdings, AllGatherMessages(ranks_, holding));
  STRATA_ASSIGN_OR_RETURN(plan_, PlanSave(holdings));
  holding_ = SerializeDeterministic(holding);
  return absl::OkStatus();
}

// Copies of the cells that this rank writes.
std::vector<ShardedTensor> Checkpointer::Snapshot(absl::Span<const ShardedTensor> state) {
  std::map<absl::string_view, std::vector<const ShardedTensor*>> held;
  for (const ShardedTensor& tensor : state) held[tensor.name].push_back(&tensor);
  std::vector<ShardedTensor> cells;
  for (const PlannedTensor& tensor : plan_) {
    for (const PlannedCell& cell : tensor.cells) {
      if (cell.writer != ranks_.rank()) continue;
      for (const ShardedTensor* source : held[tensor.name]) {
        if (!(Intersect(BoxOf(*source), cell.box) == cell.box)) continue;
        if (buffers_.size() == cells.size()) buffers_.emplace_back();
        HostTensor& buffer = buffers_[cells.size()];
        if (buffer.dtype() != tensor.dtype || buffer.dims() != cell.box.dims) {
          buffer = HostTensor::Allocate(tensor.dtype, cell.box.dims);
        }
        CopyBox(cell.box, BoxOf(*source), source->local.raw(), cell.box, buffer.raw(),
                chips::SizeOf(tensor.dtype));
        cells.push_back({tensor.name, tensor.dims, cell.box.offset, buffer});
        break;
      }
    }
  }
  buffers_.resize(cells.size());
  return cells;
}

Manifest Checkpointer::NewManifest(const Offer& offer,
                                   const std::map<std::string, std::string>& extra) {
  next_saves_since_full_ = offer.full() ? 0 : saves_since_full_ + 1;
  Manifest manifest;
  manifest.set_step(offer.step());
  manifest.set_sequence(next_sequence_++);
  manifest.set_id(offer.id());
  manifest.set_ranks(static_cast<uint32_t>(ranks_.size()));
  for (const auto& [name, size] : options_.mesh) {
    checkpoint::MeshAxis* axis = manifest.add_mesh();
    axis->set_name(name);
    axis->set_size(static_cast<uint32_t>(size));
  }
  manifest.set_saves_since_full(next_saves_since_full_);
  manifest.set_block_bytes(options_.block_bytes);
  for (const PlannedTensor& planned : plan_) {
    checkpoint::Tensor* tensor = manifest.add_tensors();
    tensor->set_name(planned.name);
    tensor->set_dtype(planned.dtype);
    tensor->mutable_dims()->Assign(planned.dims.begin(), planned.dims.end());
  }
  manifest.mutable_extra()->insert(extra.begin(), extra.end());
  return manifest;
}

absl::Status Checkpointer::Wait() {
  if (job_ == nullptr) return absl::OkStatus();
  const auto start = Clock::now();
  const absl::Status status = EndSave();
  in_flight_.wait_seconds = SecondsSince(start);
  report_ = in_flight_;
  return WithRemedy(status);
}

absl::Status Checkpointer::EndSave() {
  const absl::StatusOr<SaveJob::Written> written = job_->WaitWritten();
  if (written.ok()) {
    in_flight_.bytes_written = written->bytes_written;
    in_flight_.bytes_kept = written->bytes_kept;
    in_flight_.write_seconds = written->seconds;
  }
  absl::Status status = Agree(ranks_, written.status());
  if (status.ok()) {
    job_->ExpectAllParts(options_.part_patience);
  } else {
    job_->Cancel();
  }
  const absl::Status committed = job_->Finish();
  in_flight_.cleanup = job_->cleanup();
  job_.reset();
  if (ranks_.rank() == 0 && committed.ok()) {
    last_name_ = in_flight_.name;
    saves_since_full_ = next_saves_since_full_;
    full_next_ = false;
  }
  // Nothing will commit it any more; the space is wanted.
  if (ranks_.rank() == 0 && !committed.ok()) {
    in_flight_.cleanup = RemoveCheckpoint(in_flight_.folder);
  }
  return status.ok() ? Agree(ranks_, committed) : status;
}

absl::Status Checkpointer::WithRemedy(const absl::Status& status) const {
  if (status.ok()) return status;
  const std::string last = last_name_.empty() ? std::string()
                                              : absl::StrCat("; the last checkpoint is ",
                                                             JoinPath(options_.root, last_name_));
  return Annotate(
      absl::Status(status.code(), absl::StrCat(status.message(), RemedyFor(status.code()), last)),
      absl::StrCat("checkpoint of step ", in_flight_.step));
}

}  // namespace strata::distributed
