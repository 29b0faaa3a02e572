#include "distributed/checkpoint/recall_plan.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include "distributed/checkpoint/manifest.h"

namespace strata::distributed {
namespace {

using checkpoint::Recall;
using checkpoint::Tensor;

// What the memories have of a tensor at a step.
struct Kept {
  chips::DType dtype = chips::DTYPE_UNSPECIFIED;
  std::vector<int64_t> dims;
  std::map<Box, std::vector<int>> cells;  // and the ranks that hold each
};
using SaveKey = std::pair<int64_t, uint64_t>;  // step, id
using KeptByName = std::map<std::string, Kept>;

SaveKey KeyOf(const Recall::Copy& copy) { return {copy.step(), copy.id()}; }

std::vector<int64_t> DimsOf(const Tensor& tensor) {
  return {tensor.dims().begin(), tensor.dims().end()};
}

KeptByName KeptAt(const SaveKey& save, absl::Span<const Recall> recalls) {
  KeptByName kept;
  for (size_t r = 0; r < recalls.size(); ++r) {
    for (const Recall::Copy& copy : recalls[r].copies()) {
      if (KeyOf(copy) != save) continue;
      for (const Tensor& tensor : copy.holding().tensors()) {
        Kept& of_name = kept[tensor.name()];
        of_name.dtype = tensor.dtype();
        of_name.dims = DimsOf(tensor);
        for (const checkpoint::Cell& cell : tensor.cells()) {
          std::vector<int>& holders = of_name.cells[BoxOf(cell)];
          if (holders.empty() || holders.back() != static_cast<int>(r)) {
            holders.push_back(static_cast<int>(r));
          }
        }
      }
    }
  }
  return kept;
}

// Not OK when something that is wanted is not kept whole.
absl::Status CheckComplete(const KeptByName& kept, absl::Span<const Recall> recalls) {
  std::set<std::string> wanted;
  for (const Recall& recall : recalls) {
    for (const Tensor& tensor : recall.wanted().tensors()) wanted.insert(tensor.name());
  }
  for (const std::string& name : wanted) {
    const auto it = kept.find(name);
    const std::string where = absl::StrCat("tensor '", name, "'");
    if (it == kept.end()) return absl::NotFoundError(absl::StrCat(where, " is in no memory"));
    std::vector<Box> boxes;
    for (const auto& [box, holders] : it->second.cells) boxes.push_back(box);
    STRATA_RETURN_IF_ERROR(Annotate(ValidateCover(boxes, it->second.dims), where));
  }
  return absl::OkStatus();
}

absl::Status AddTransfers(const Tensor& wanted, int receiver, const Kept& kept, RecallPlan& plan) {
  if (kept.dtype != wanted.dtype() || kept.dims != DimsOf(wanted)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "rank ", receiver, ": tensor '", wanted.name(), "': is ", chips::DTypeName(kept.dtype),
        WholeBox(kept.dims).ToString(), " in memory, not ", chips::DTypeName(wanted.dtype()),
        WholeBox(DimsOf(wanted)).ToString()));
  }
  for (const checkpoint::Cell& cell : wanted.cells()) {
    const Box target = BoxOf(cell);
    for (const auto& [source, holders] : kept.cells) {
      const Box common = Intersect(source, target);
      if (common.elements() == 0) continue;
      const bool own = std::find(holders.begin(), holders.end(), receiver) != holders.end();
      const int sender = own ? receiver : holders[static_cast<size_t>(receiver) % holders.size()];
      plan.transfers.push_back(
          {wanted.name(), kept.dtype, sender, receiver, source, target, common});
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RecallPlan> PlanRecall(absl::Span<const Recall> recalls) {
  std::set<SaveKey, std::greater<SaveKey>> saves;
  for (const Recall& recall : recalls) {
    for (const Recall::Copy& copy : recall.copies()) saves.insert(KeyOf(copy));
  }
  std::string reasons = saves.empty() ? ": no rank holds a copy" : "";
  for (const SaveKey& save : saves) {
    const KeptByName kept = KeptAt(save, recalls);
    const absl::Status complete = CheckComplete(kept, recalls);
    if (!complete.ok()) {
      absl::StrAppend(&reasons, "; step ", save.first, ": ", complete.message());
      continue;
    }
    RecallPlan plan = {save.first, save.second, {}};
    for (size_t r = 0; r < recalls.size(); ++r) {
      for (const Tensor& tensor : recalls[r].wanted().tensors()) {
        STRATA_RETURN_IF_ERROR(
            AddTransfers(tensor, static_cast<int>(r), kept.at(tensor.name()), plan));
      }
    }
    return plan;
  }
  return absl::NotFoundError(
      absl::StrCat("no step is complete in the memories of the ranks", reasons));
}

}  // namespace strata::distributed
