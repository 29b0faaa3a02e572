#include "distributed/equivalence_matrix.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "distributed/collective/mesh_collectives.h"
#include "distributed/collective/register.h"
#include "distributed/partition/rank_interpreter.h"
#include "distributed/runtime/rank_step.h"
#include "distributed/runtime/roundings.h"
#include "distributed/runtime/step_model.h"
#include "distributed/transport/counting_transport.h"
#include "distributed/transport/thread_transport.h"
#include "framework/graph/evaluator.h"
#include "framework/graph/interpreter.h"

namespace strata::distributed {
namespace {

using graph::Graph;
using graph::HostTensor;

constexpr int64_t kRows = 8;
constexpr double kUnit = 0x1p-24;
constexpr char kAlgorithm[] = "ring";

double Largest(const HostTensor& tensor) {
  double largest = 0;
  for (double x : tensor.ToDoubles()) largest = std::max(largest, std::abs(x));
  return largest;
}

// One step on one device: what ranks are compared with.
struct OneDevice {
  Graph step;
  Tensors state, batch;                      // before
  Tensors outputs, updated;                  // after
  std::map<std::string, int64_t> roundings;  // by output
};

absl::StatusOr<OneDevice> RunOneDevice(const TinyModel& model) {
  OneDevice one;
  STRATA_ASSIGN_OR_RETURN(one.step, TinyTrainingStep(model));
  one.state = TinyState(one.step, 1);
  one.batch = TinyBatch(one.step, kRows, 1);
  one.outputs = one.batch;
  for (const auto& [name, tensor] : one.state) one.updated[name] = tensor.Clone();
  graph::Interpreter interpreter;
  STRATA_RETURN_IF_ERROR(RunByName(one.step, one.updated, interpreter, &one.outputs));
  STRATA_ASSIGN_OR_RETURN(const Graph bound, graph::BindSymbols(one.step, {{"B", kRows}}));
  one.roundings = RoundingsOfOutputs(bound);
  return one;
}

// Rows share models.
absl::StatusOr<std::shared_ptr<const OneDevice>> OneDeviceOf(const MatrixRow& row) {
  static auto* made = new std::map<std::string, std::shared_ptr<const OneDevice>>;
  std::shared_ptr<const OneDevice>& entry = (*made)[row.model_name];
  if (entry == nullptr) {
    TinyModel model = row.model;
    model.gradient_outputs = true;
    STRATA_ASSIGN_OR_RETURN(OneDevice one, RunOneDevice(model));
    entry = std::make_shared<const OneDevice>(std::move(one));
  }
  return entry;
}

// How far each tensor may be from one device's.
class Tolerances {
 public:
  // `roundings` of the partitioned step, by output.
  Tolerances(const OneDevice& one, const std::map<std::string, int64_t>& roundings, int64_t sums)
      : one_(one), roundings_(roundings), sums_(sums) {}

  double OfOutput(const std::string& output) const {
    const double scale = output == "loss" ? 1 : Scale(output);
    return kUnit * static_cast<double>(Roundings(output)) * scale;
  }

  // AdamW with beta1 = 0.9, beta2 = 0.95, lr = 0.01 at its first step, from moments with v >= 1e-4 and |m| < 0.1. The
  // gradient is clipped first: its factor has the relative error of the norm, so that what differs is at most twice what
  // the gradient differs by.
  //   m' = 0.9 m + 0.1 g           differs by 0.1 dg
  //   v' = 0.95 v + 0.05 g^2       differs by 0.1 |g| dg
  //   p' = p - lr (m'/0.1) / sqrt(v'/0.05)  with v'/0.05 >= max(1.9e-3, g^2): the quotient's derivative by g is at most
  //        1/sqrt(1.9e-3) + (0.9 |m| / 0.1 + |g|) |g| / (v'/0.05)^1.5 <= 23 + 0.9 / 1.9e-3 + 23 < 520.
  // And each is rounded a few times itself.
  double OfState(const std::string& name) const {
    const double own =
        4 * kUnit * std::max(Largest(one_.state.at(name)), Largest(one_.updated.at(name)));
    if (absl::EndsWith(name, ".m")) return own + 0.1 * Clipped(name.substr(0, name.size() - 2));
    if (absl::EndsWith(name, ".v")) {
      const std::string parameter = name.substr(0, name.size() - 2);
      return own + 0.1 * Scale("grad." + parameter) * Clipped(parameter);
    }
    return own + 0.01 * 520 * Clipped(name);
  }

 private:
  double Clipped(const std::string& parameter) const { return 2 * OfOutput("grad." + parameter); }

  int64_t Roundings(const std::string& output) const {
    const auto found = roundings_.find(output);
    return one_.roundings.at(output) + sums_ + (found == roundings_.end() ? 0 : found->second);
  }

  double Scale(const std::string& output) const {
    double scale = Largest(one_.outputs.at(output));
    if (absl::EndsWith(output, ".bias")) {
      const auto found = one_.outputs.find(output.substr(0, output.size() - 4) + "weight");
      if (found != one_.outputs.end()) scale = std::max(scale, Largest(found->second));
    }
    return scale;
  }

  const OneDevice& one_;
  const std::map<std::string, int64_t>& roundings_;
  const int64_t sums_;
};

// Compares pieces with the whole and remembers what of it was seen.
class Comparison {
 public:
  explicit Comparison(MatrixResult* result) : result_(result) {}

  absl::Status Add(const ShardedTensor& piece, const HostTensor& want, double tolerance) {
    const std::vector<double> whole = want.ToDoubles(), mine = piece.local.ToDoubles();
    if (want.dims() != piece.global_dims)
      return absl::InternalError(
          absl::StrCat("'", piece.name, "' has other dims than on one device"));
    std::vector<bool>& seen = seen_[piece.name];
    seen.resize(whole.size());
    std::vector<int64_t> index(piece.offset.size());
    for (size_t i = 0; i < mine.size(); ++i) {
      int64_t at = 0;
      for (size_t d = 0; d < index.size(); ++d)
        at = at * want.dims()[d] + piece.offset[d] + index[d];
      seen[static_cast<size_t>(at)] = true;
      Note(piece.name, std::abs(mine[i] - whole[static_cast<size_t>(at)]) / tolerance);
      for (size_t d = index.size(); d-- > 0;) {
        if (++index[d] < piece.local.dims()[d]) break;
        index[d] = 0;
      }
    }
    return absl::OkStatus();
  }

  void Note(const std::string& name, double part) {
    if (part <= result_->worst && !std::isnan(part)) return;
    result_->worst = std::isnan(part) ? 1e300 : part;
    result_->worst_at = name;
  }

  // Every element of every one of them came from some rank.
  absl::Status CheckSeen(const std::set<std::string>& names) const {
    for (const std::string& name : names) {
      const auto found = seen_.find(name);
      if (found != seen_.end() &&
          std::all_of(found->second.begin(), found->second.end(), [](bool seen) { return seen; }))
        continue;
      return absl::InternalError(absl::StrCat("no rank has all of '", name, "'"));
    }
    return absl::OkStatus();
  }

 private:
  MatrixResult* const result_;
  std::map<std::string, std::vector<bool>> seen_;
};

// What a rank leaves behind.
struct RankOutcome {
  Tensors outputs;
  std::vector<ShardedTensor> pieces, state;
  int64_t sent = 0, peak = 0;
  StepModel model;
};

absl::StatusOr<RankOutcome> RunRank(const OneDevice& one, const parallel::ParallelPlan& plan,
                                    const Spoil& spoil, Transport& inner) {
  CountingTransport transport(inner);
  STRATA_ASSIGN_OR_RETURN(const auto world, MeshCollectives::Create(transport, plan, kAlgorithm));
  const RankEngine engine = [](compiler::Collectives& collectives) {
    return std::make_unique<RankInterpreter>(collectives);
  };
  STRATA_ASSIGN_OR_RETURN(const auto trainer, RankStep::Create(one.step, plan, *world,
                                                               {.engine = engine, .rows = kRows}));
  Tensors state = one.state;
  if (spoil) spoil(transport.rank(), &state);
  STRATA_RETURN_IF_ERROR(trainer->Load(state));
  transport.Reset();
  RankOutcome outcome;
  STRATA_ASSIGN_OR_RETURN(outcome.outputs, trainer->Step(one.batch));
  outcome.sent = transport.count().bytes_sent;
  outcome.peak = trainer->peak_bytes();
  outcome.pieces = trainer->pieces();
  outcome.state = trainer->state();
  STRATA_ASSIGN_OR_RETURN(outcome.model, ModelOf(trainer->programs(), kAlgorithm));
  return outcome;
}

// Chains of the step partitioned without its pipeline: in a pipeline the same nodes and sums run in pieces.
absl::StatusOr<std::map<std::string, int64_t>> RoundingsOfPlan(const Graph& step,
                                                               parallel::ParallelPlan plan) {
  const uint32_t microbatches = plan.microbatches();
  google::protobuf::RepeatedPtrField<parallel::MeshAxis> mesh;
  for (const parallel::MeshAxis& axis : plan.mesh())
    if (axis.kind() != parallel::PIPELINE_PARALLEL) *mesh.Add() = axis;
  if (mesh.empty()) return RoundingsOfOutputs(step);
  *plan.mutable_mesh() = mesh;
  plan.clear_pipeline();
  plan.clear_chunks();
  plan.set_microbatches(1);
  STRATA_ASSIGN_OR_RETURN(const RankPrograms programs,
                          MakeRankPrograms(step, plan, 0, kRows / microbatches));
  return RoundingsOfOutputs(*programs.whole);
}

void CompareBytes(const std::vector<RankOutcome>& ranks, MatrixResult* result) {
  double formula = 0;
  for (const RankOutcome& rank : ranks) {
    formula += rank.model.wire_bytes;
    result->wire_bytes += rank.sent;
    result->peak_bytes = std::max(result->peak_bytes, rank.peak);
    const double ratio =
        static_cast<double>(rank.peak) / static_cast<double>(rank.model.peak_bytes);
    if (std::abs(ratio - 1) > std::abs(result->peak_ratio - 1)) result->peak_ratio = ratio;
  }
  result->wire_formula = std::llround(formula);
}

absl::Status CompareValues(const OneDevice& one, const Tolerances& tolerances,
                           const std::vector<RankOutcome>& ranks, MatrixResult* result) {
  Comparison comparison(result);
  std::set<std::string> gradients, state;
  for (const auto& [name, tensor] : one.outputs)
    if (absl::StartsWith(name, "grad.")) gradients.insert(name);
  for (const auto& [name, tensor] : one.updated) state.insert(name);
  for (const RankOutcome& rank : ranks) {
    for (const auto& [name, tensor] : rank.outputs) {
      STRATA_RETURN_IF_ERROR(comparison.Add(WholeTensor(name, tensor), one.outputs.at(name),
                                            tolerances.OfOutput(name)));
    }
    for (const ShardedTensor& piece : rank.pieces) {
      STRATA_RETURN_IF_ERROR(
          comparison.Add(piece, one.outputs.at(piece.name), tolerances.OfOutput(piece.name)));
    }
    for (const ShardedTensor& piece : rank.state) {
      STRATA_RETURN_IF_ERROR(
          comparison.Add(piece, one.updated.at(piece.name), tolerances.OfState(piece.name)));
    }
    if (rank.outputs.count("loss") == 0) return absl::InternalError("a rank has no loss");
  }
  STRATA_RETURN_IF_ERROR(comparison.CheckSeen(gradients));
  result->gradients = static_cast<int64_t>(gradients.size());
  return comparison.CheckSeen(state);
}

}  // namespace

std::string MatrixRow::name() const {
  return absl::StrCat(model_name, ": ", Describe(parallelism));
}

int MatrixRow::ranks() const {
  const TinyParallelism& p = parallelism;
  return p.pp * p.dp * p.ep * p.cp * p.tp;
}

absl::StatusOr<MatrixResult> Measure(const MatrixRow& row, const Spoil& spoil) {
  RegisterAllCollectives();
  STRATA_ASSIGN_OR_RETURN(const std::shared_ptr<const OneDevice> one, OneDeviceOf(row));
  STRATA_ASSIGN_OR_RETURN(const parallel::ParallelPlan plan, TinyPlan(row.model, row.parallelism));
  std::vector<RankOutcome> ranks(static_cast<size_t>(row.ranks()));
  STRATA_RETURN_IF_ERROR(RunThreadRanks(row.ranks(), [&](Transport& transport) -> absl::Status {
    STRATA_ASSIGN_OR_RETURN(ranks[static_cast<size_t>(transport.rank())],
                            RunRank(*one, plan, spoil, transport));
    return absl::OkStatus();
  }));
  STRATA_ASSIGN_OR_RETURN(const auto roundings, RoundingsOfPlan(one->step, plan));
  // Sums over microbatches, and over the ranks that hold a parameter in bidirectional schedules.
  const Tolerances tolerances(*one, roundings, row.parallelism.microbatches);
  MatrixResult result;
  result.name = row.name();
  result.ranks = row.ranks();
  STRATA_RETURN_IF_ERROR(CompareValues(*one, tolerances, ranks, &result));
  CompareBytes(ranks, &result);
  return result;
}

absl::Status Check(const MatrixResult& result) {
  if (result.worst > 1) {
    return absl::InternalError(absl::StrCat(result.name, ": '", result.worst_at, "' differs by ",
                                            result.worst, " times its tolerance"));
  }
  if (result.wire_bytes != result.wire_formula) {
    return absl::InternalError(absl::StrCat(result.name, ": the ranks sent ", result.wire_bytes,
                                            " bytes, the formula says ", result.wire_formula));
  }
  if (std::abs(result.peak_ratio - 1) > 0.01) {
    return absl::InternalError(
        absl::StrCat(result.name, ": a rank held ", result.peak_ratio, " times the model's peak"));
  }
  return absl::OkStatus();
}

std::string TableHead() {
  return "| model: plan | ranks | gradients equal | bytes on the wire | peak bytes of a rank |\n"
         "|---|---:|---:|---:|---:|\n";
}

std::string TableLine(const MatrixResult& result) {
  return absl::StrCat("| ", result.name, " | ", result.ranks, " | ", result.gradients, " | ",
                      result.wire_bytes, " | ", result.peak_bytes, " |");
}

}  // namespace strata::distributed
