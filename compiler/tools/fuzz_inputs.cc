#include "compiler/tools/fuzz_inputs.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <iterator>
#include <random>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "chips/numerics/packed_rows.h"

namespace strata::compiler {
namespace {

using graph::HostTensor;
using graph::TensorType;

constexpr double kEdges[] = {0.0, -0.0, 1.0, HUGE_VAL, -HUGE_VAL, NAN, FLT_MIN / 4, -FLT_MIN / 4};

class Draw {
 public:
  Draw(const std::string& name, uint32_t seed) : random_(Hash(name, seed)) {}

  double Uniform() { return static_cast<double>(random_()) / 4294967296.0; }
  int64_t Below(int64_t n) { return static_cast<int64_t>(random_() % static_cast<uint64_t>(n)); }
  std::mt19937& random() { return random_; }

 private:
  static uint32_t Hash(const std::string& name, uint32_t seed) {  // FNV-1a
    uint32_t hash = 2166136261u ^ seed;
    for (char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
    return hash;
  }

  std::mt19937 random_;
};

double FloatOf(const std::string& name, Draw& draw) {
  const double uniform = draw.Uniform();
  if (absl::StartsWith(name, "wide")) return 80 * (uniform - 0.5);
  if (absl::StartsWith(name, "small")) return 0.005 + 0.015 * uniform;
  const bool huge = absl::StartsWith(name, "huge");
  if ((huge || absl::StartsWith(name, "edge")) && draw.Below(4) == 0) {
    if (huge && draw.Below(4) == 0) return draw.Below(2) == 0 ? FLT_MAX : -FLT_MAX;
    return kEdges[static_cast<size_t>(draw.Below(std::size(kEdges)))];
  }
  return 4 * (uniform - 0.5);
}

// The number that a part of a name is.
bool NumberOf(const std::string& part, int64_t* number) {
  const bool negative = absl::StartsWith(part, "m");
  if (!absl::SimpleAtoi(negative ? part.substr(1) : part, number)) return false;
  if (negative) *number = -*number;
  return true;
}

std::vector<double> Integers(int64_t low, int64_t high, int64_t count, Draw& draw) {
  std::vector<double> values(static_cast<size_t>(count));
  for (double& x : values) x = static_cast<double>(low + draw.Below(high - low + 1));
  return values;
}

std::vector<double> Slots(int64_t slots, int64_t count, Draw& draw) {
  std::vector<double> values;
  for (int64_t s = 1; s < slots; ++s) values.push_back(static_cast<double>(s));
  std::shuffle(values.begin(), values.end(), draw.random());
  values.resize(static_cast<size_t>(count), 0);
  for (double& x : values) {
    if (draw.Below(8) == 0) x = 0;
  }
  return values;
}

// Rows one after another; the caller knows that they fill the tensor.
void FillRows(const chips::WeightFormat& format, int64_t K, int64_t rows, Draw& draw,
              uint8_t* bytes) {
  std::vector<float> values(static_cast<size_t>(K));
  for (int64_t r = 0; r < rows; ++r) {
    for (float& x : values) x = static_cast<float>(4 * (draw.Uniform() - 0.5));
    chips::EncodeRow(format, values.data(), K, bytes + r * chips::RowBytes(format, K));
  }
}

HostTensor Rows(const std::vector<std::string>& parts, const TensorType& type, Draw& draw) {
  HostTensor result =
      HostTensor::FromDoubles(type.dtype, type.dims(), Integers(0, 0x3b, type.elements(), draw));
  int64_t K = 0;
  // The last part is the input's number.
  const auto format =
      chips::FindWeightFormat(absl::StrJoin(parts.begin() + 2, parts.end() - 1, "_"));
  if (!format.ok() || !NumberOf(parts[1], &K) || K <= 0 || K % (*format)->block != 0) return result;
  const bool rows16 = parts[0] == "rows16";
  const int64_t unit = rows16 ? chips::GroupBytes(**format, K) : chips::RowBytes(**format, K);
  if (type.dims().back() != unit) return result;
  const int64_t units = type.elements() / unit;
  if (!rows16) {
    FillRows(**format, K, units, draw, result.data<uint8_t>());
    return result;
  }
  const int64_t rows = units * chips::kPackedRows;
  std::vector<uint8_t> bytes(static_cast<size_t>(rows * chips::RowBytes(**format, K)));
  FillRows(**format, K, rows, draw, bytes.data());
  chips::PackRows(**format, bytes.data(), rows, K, 0, units, result.data<uint8_t>());
  return result;
}

}  // namespace

HostTensor InputFor(const std::string& name, const TensorType& type, uint32_t seed) {
  Draw draw(name, seed);
  const std::vector<std::string> parts = absl::StrSplit(name, '_');
  int64_t a = 0, b = 0;
  if (type.dtype == chips::U8 && type.rank() >= 1 && parts.size() >= 4 &&
      (parts[0] == "rows" || parts[0] == "rows16"))
    return Rows(parts, type, draw);
  std::vector<double> values(static_cast<size_t>(type.elements()));
  if (parts.size() >= 3 && parts[0] == "int" && NumberOf(parts[1], &a) && NumberOf(parts[2], &b) &&
      a <= b) {
    values = Integers(a, b, type.elements(), draw);
  } else if (parts.size() >= 2 && parts[0] == "slots" && NumberOf(parts[1], &a) && a > 0) {
    values = Slots(a, type.elements(), draw);
  } else if (chips::IsFloat(type.dtype)) {
    for (double& x : values) x = FloatOf(name, draw);
  } else {
    values = Integers(0, type.dtype == chips::BOOL ? 1 : 2, type.elements(), draw);
  }
  return HostTensor::FromDoubles(type.dtype, type.dims(), values);
}

std::vector<HostTensor> InputsFor(const graph::Graph& graph, uint32_t seed) {
  std::vector<HostTensor> inputs;
  for (const auto& input : graph.inputs()) {
    const graph::Value& value = graph.values(static_cast<int>(input.value()));
    inputs.push_back(InputFor(value.name(), graph::TypeOf(value), seed));
  }
  return inputs;
}

std::string IntegerName(int64_t low, int64_t high) {
  const auto text = [](int64_t x) { return absl::StrCat(x < 0 ? "m" : "", x < 0 ? -x : x); };
  return absl::StrCat("int_", text(low), "_", text(high), "_");
}

std::string SlotsName(int64_t slots) { return absl::StrCat("slots_", slots, "_"); }

std::string RowsName(const std::string& format, int64_t k, bool rows16) {
  return absl::StrCat(rows16 ? "rows16_" : "rows_", k, "_", format, "_");
}

}  // namespace strata::compiler
