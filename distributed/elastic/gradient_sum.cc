#include "distributed/elastic/gradient_sum.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "distributed/elastic/checksum.h"

namespace strata::distributed {

GradientSum::GradientSum(compiler::Collectives& collectives, FixedTree tree, int64_t count)
    : collectives_(collectives), tree_(tree), count_(count) {
  for (int rank = 0; rank < collectives.size(); ++rank) {
    const auto [low, high] = tree_.Share(rank, collectives.size());
    parts_ = std::max(parts_, static_cast<int64_t>(tree_.Cover(low, high).size()));
  }
  const auto parts = static_cast<size_t>(parts_ * collectives.size());
  all_parts_.resize(parts * static_cast<size_t>(count));
  checksums_.resize(parts);
}

absl::Status GradientSum::GatherParts(absl::Span<const float* const> leaves) {
  const auto [low, high] = tree_.Share(collectives_.rank(), collectives_.size());
  FixedTree::Known known;
  for (int leaf = low; leaf < high; ++leaf)
    known[{leaf, leaf + 1}] = leaves[static_cast<size_t>(leaf - low)];
  std::vector<float> mine(static_cast<size_t>(parts_ * count_));
  std::vector<int64_t> checksums(static_cast<size_t>(parts_));
  size_t part = 0;
  for (const FixedTree::Node& node : tree_.Cover(low, high)) {
    float* sum = mine.data() + part * static_cast<size_t>(count_);
    tree_.Sum(node, known, count_, sum);
    checksums[part++] = Checksum(sum, static_cast<size_t>(count_) * sizeof(float));
  }
  if (tap_) tap_("sent", absl::MakeSpan(mine));
  STRATA_RETURN_IF_ERROR(
      collectives_.AllGather(mine.data(), all_parts_.data(), parts_ * count_, chips::F32));
  STRATA_RETURN_IF_ERROR(
      collectives_.AllGather(checksums.data(), checksums_.data(), parts_, chips::I64));
  if (tap_) tap_("received", absl::MakeSpan(all_parts_));
  return absl::OkStatus();
}

std::vector<bool> GradientSum::WrongSenders() const {
  std::vector<bool> wrong(static_cast<size_t>(collectives_.size()));
  for (int rank = 0; rank < collectives_.size(); ++rank) {
    const auto [low, high] = tree_.Share(rank, collectives_.size());
    const size_t parts = tree_.Cover(low, high).size();
    for (size_t part = 0; part < parts; ++part) {
      const size_t at = static_cast<size_t>(rank * parts_) + part;
      if (Checksum(&all_parts_[at * static_cast<size_t>(count_)],
                   static_cast<size_t>(count_) * sizeof(float)) != checksums_[at])
        wrong[static_cast<size_t>(rank)] = true;
    }
  }
  return wrong;
}

absl::Status GradientSum::Blame(int rank, const std::string& what) {
  culprit_ = rank;
  return absl::DataLossError(what);
}

// Every rank tells all: its sum's checksum, `extra`, and a bit for each sender it got wrong parts from.
absl::Status GradientSum::CompareVerdicts(const std::vector<bool>& wrong, int64_t sum,
                                          int64_t extra) {
  const auto ranks = static_cast<size_t>(collectives_.size());
  std::vector<int64_t> mine = {sum, extra};
  for (bool w : wrong) mine.push_back(w);
  const size_t length = mine.size();
  std::vector<int64_t> all(ranks * length);
  STRATA_RETURN_IF_ERROR(
      collectives_.AllGather(mine.data(), all.data(), static_cast<int64_t>(length), chips::I64));
  const auto column = [&](size_t at) {
    std::vector<int64_t> values;
    for (size_t rank = 0; rank < ranks; ++rank) values.push_back(all[rank * length + at]);
    return values;
  };
  for (size_t sender = 0; sender < ranks; ++sender) {
    const std::vector<int64_t> complaints = column(2 + sender);
    int64_t others = 0;
    int receiver = -1;
    for (size_t rank = 0; rank < ranks; ++rank) {
      if (complaints[rank] == 0) continue;
      if (rank != sender) ++others;
      if (receiver < 0 || receiver == static_cast<int>(sender)) receiver = static_cast<int>(rank);
    }
    if (receiver < 0) continue;
    // With two ranks it may as well be the other; half of the others must agree, and at least two.
    if (others >= 2 && 2 * others >= static_cast<int64_t>(ranks) - 1) {
      return Blame(static_cast<int>(sender),
                   absl::StrCat("rank ", sender,
                                "'s part of the gradient changed after it was "
                                "summed up: ",
                                others, " ranks got other bits than its checksum"));
    }
    return Blame(ranks > 2 ? receiver : -1,
                 absl::StrCat("the part of the gradient that rank ", sender,
                              " sent arrived at rank ", receiver, " with other bits"));
  }
  for (const size_t at : {0, 1}) {
    const std::vector<int64_t> values = column(at);
    if (std::count(values.begin(), values.end(), values[0]) == static_cast<std::ptrdiff_t>(ranks))
      continue;
    const int rank = Culprit(values);
    const char* what = at == 0 ? "sum of the gradients" : "parameters";
    return Blame(rank, rank >= 0 ? absl::StrCat("rank ", rank, " has other bits in the ", what,
                                                " than the other ranks")
                                 : absl::StrCat("the ranks differ in the bits of the ", what,
                                                "; no majority says which one is wrong"));
  }
  return absl::OkStatus();
}

absl::Status GradientSum::Reduce(absl::Span<const float* const> leaves, float* sum, int64_t extra) {
  culprit_ = -1;
  STRATA_RETURN_IF_ERROR(GatherParts(leaves));
  FixedTree::Known known;
  for (int rank = 0; rank < collectives_.size(); ++rank) {
    const auto [low, high] = tree_.Share(rank, collectives_.size());
    int64_t part = rank * parts_;
    for (const FixedTree::Node& node : tree_.Cover(low, high))
      known[node] = &all_parts_[static_cast<size_t>(part++ * count_)];
  }
  const std::vector<bool> wrong = WrongSenders();
  tree_.Sum(tree_.root(), known, count_, sum);
  if (tap_) tap_("sum", absl::MakeSpan(sum, static_cast<size_t>(count_)));
  return CompareVerdicts(wrong, Checksum(sum, static_cast<size_t>(count_) * sizeof(float)), extra);
}

}  // namespace strata::distributed
