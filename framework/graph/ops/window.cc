#include "framework/graph/ops/window.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "framework/graph/ops/op_util.h"

namespace strata::graph {
namespace {

// The attribute `name`: `count` numbers of at least `least`.
absl::StatusOr<std::vector<int64_t>> NumbersOf(const OpCall& call, absl::string_view name,
                                               size_t count, int64_t least) {
  std::vector<int64_t> numbers = call.attrs().Ints(name);
  bool fits = numbers.size() == count;
  for (int64_t number : numbers) fits = fits && number >= least && number <= int64_t{1} << 40;
  if (fits) return numbers;
  return absl::InvalidArgumentError(absl::StrCat(name, ": is [", absl::StrJoin(numbers, ", "),
                                                 "]; must be ", count, " numbers of at least ",
                                                 least));
}

}  // namespace

absl::StatusOr<Size> WindowAxis::Positions(const Size& size, absl::string_view axis) const {
  if (extent == 1 && stride == 1 && before == 0 && after == 0) return size;
  if (size.is_symbol()) {
    return absl::InvalidArgumentError(absl::StrCat(axis, ": is the symbol ", size.symbol(),
                                                   "; a window slides over sizes only: bind it"));
  }
  STRATA_ASSIGN_OR_RETURN(int64_t padded, AddSizes(size.size(), before));
  STRATA_ASSIGN_OR_RETURN(padded, AddSizes(padded, after));
  if (padded < extent) {
    return absl::InvalidArgumentError(absl::StrCat(axis, ": is ", size.size(),
                                                   ", with its padding ", padded, "; a window of ",
                                                   extent, " does not fit"));
  }
  return Size((padded - extent) / stride + 1);
}

absl::StatusOr<Window> WindowOf(const OpCall& call, int64_t height, int64_t width) {
  if (height < 1 || width < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("the window is ", height, " x ", width, "; must be at least 1 x 1"));
  }
  STRATA_ASSIGN_OR_RETURN(const std::vector<int64_t> strides, NumbersOf(call, "strides", 2, 1));
  STRATA_ASSIGN_OR_RETURN(const std::vector<int64_t> padding, NumbersOf(call, "padding", 4, 0));
  return Window{{height, strides[0], padding[0], padding[1]},
                {width, strides[1], padding[2], padding[3]}};
}

}  // namespace strata::graph
