#include "compiler/npu/product_program.h"

#include <cmath>
#include <cstring>
#include <memory>
#include <random>
#include <tuple>

#include "base/status_matchers.h"
#include "chips/npu/isa/array_isa.h"
#include "chips/npu/machine/machine.h"
#include "chips/npu/sim/array_core.h"
#include "chips/npu/sim/simulator.h"
#include "chips/npu/sim/verifier.h"
#include "chips/numerics/float16.h"
#include "compiler/npu/dma.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using chips::npu::Core;
using chips::npu::Machine;
using chips::npu::MemoryImage;
using chips::npu::Simulation;
using ::testing::HasSubstr;

// Catalogue machines, and edge_16 with a small array, L1 and accumulators: "4x4", "3x5", "3x5os".
Machine MachineOf(const std::string& name) {
  if (name.find('_') != std::string::npos) return *chips::npu::FindMachine(name);
  const bool output = name.find("os") != std::string::npos;
  Machine machine = *chips::npu::FindMachine(output ? "edge_16_os" : "edge_16");
  machine.set_name(name);
  machine.mutable_array()->mutable_rows()->set_value(name[0] - '0');
  machine.mutable_array()->mutable_columns()->set_value(name[2] - '0');
  machine.mutable_l1()->mutable_capacity_bytes()->set_value(6144);
  machine.mutable_l1()->set_banks(6);
  machine.mutable_accumulators()->mutable_capacity_bytes()->set_value(1024);
  machine.mutable_accumulators()->set_banks(2);
  machine.mutable_l2()->mutable_capacity_bytes()->set_value(16384);
  return machine;
}

// C as it is: 32 bits an element.
class Store : public TileEpilogue {
 public:
  Store(int64_t columns, int64_t dram) : columns_(columns), dram_(dram) { shape_.tile_bytes = {4}; }
  const EpilogueShape& shape() const override { return shape_; }
  void Load(const ProductLayout&, const TileOfC&, ProgramBuilder*) override {}
  void Run(const ProductLayout& layout, const TileOfC& tile, ProgramBuilder* builder) override {
    const int64_t from = layout.tiles[0].address(tile.place), pitch = layout.tile_pitch[0];
    builder->Emit(chips::npu::kVout, {from, layout.acc.address(tile.place), tile.rows, tile.columns,
                                      pitch, layout.acc_pitch});
    EmitRows(chips::npu::kStL1,
             {dram_ + (tile.row * columns_ + tile.column) * 4, from, tile.rows, tile.columns * 4,
              columns_ * 4, pitch},
             builder);
  }

 private:
  EpilogueShape shape_;
  const int64_t columns_, dram_;
};

struct Result {
  Machine machine;
  ProductTiling tiling;
  std::vector<uint8_t> a, w, c;
  Simulation simulation;
  int64_t macs = 0;
};

int64_t ImageBytes(const ProductProblem& p) {
  if (!p.window.has_value()) return p.batch * p.rows * p.depth * p.bytes;
  return p.batch * p.window->height * p.window->width * p.window->channels * p.bytes;
}

std::vector<uint8_t> RandomOperand(int64_t bytes, chips::DType type, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<uint8_t> data(static_cast<size_t>(bytes));
  for (size_t i = 0; i < data.size(); ++i) {
    data[i] = static_cast<uint8_t>(random());
    if (type == chips::BF16 && i % 2 == 1) data[i] = static_cast<uint8_t>((data[i] & 0x80) | 0x3f);
  }
  return data;
}

absl::StatusOr<Result> RunProduct(const Machine& machine, const ProductProblem& problem,
                                  bool simulate = true) {
  Result result;
  result.machine = machine;
  STRATA_ASSIGN_OR_RETURN(const std::unique_ptr<Core> core, chips::npu::NewArrayCore(machine));
  ProgramBuilder builder(core.get(), "product");
  result.a = RandomOperand(ImageBytes(problem), problem.type, 1);
  result.w = RandomOperand(
      (problem.one_weight ? 1 : problem.batch) * problem.depth * problem.columns * problem.bytes,
      problem.type, 2);
  const int64_t c_bytes = problem.batch * problem.rows * problem.columns * 4;
  const int64_t a = builder.AddRegion(chips::npu::RegionKind::kInput, "b0",
                                      static_cast<int64_t>(result.a.size()));
  const int64_t w = builder.AddRegion(chips::npu::RegionKind::kInput, "b1",
                                      static_cast<int64_t>(result.w.size()));
  const int64_t c = builder.AddRegion(chips::npu::RegionKind::kOutput, "b2", c_bytes);
  Store store(problem.columns, c);
  STRATA_ASSIGN_OR_RETURN(result.tiling, ChooseTiling(*core, machine, problem, store.shape()));
  STRATA_RETURN_IF_ERROR(EmitProduct(machine, problem, result.tiling, {a, w}, &store, &builder));
  STRATA_ASSIGN_OR_RETURN(const chips::npu::Program program, std::move(builder).Finish());
  STRATA_RETURN_IF_ERROR(Verify(*core, program));
  chips::npu::SimulationOptions options;
  MemoryImage image;
  if (simulate) {
    STRATA_ASSIGN_OR_RETURN(image, NewImage(*core, program));
    std::memcpy(image[0].data() + a, result.a.data(), result.a.size());
    std::memcpy(image[0].data() + w, result.w.data(), result.w.size());
    options.image = &image;
  }
  STRATA_ASSIGN_OR_RETURN(result.simulation, Simulate(*core, program, options));
  result.macs = Macs(*core, result.simulation);
  if (simulate) result.c.assign(image[0].begin() + c, image[0].begin() + c + c_bytes);
  return result;
}

// A[row][k] of one product, by its definition; padding is zero.
size_t IndexOfA(const ProductProblem& p, int64_t batch, int64_t row, int64_t k, bool* inside) {
  *inside = true;
  if (!p.window.has_value()) return static_cast<size_t>((batch * p.rows + row) * p.depth + k);
  const ConvWindow& w = *p.window;
  const int64_t c = k % w.channels, kw = k / w.channels % w.kernel_w;
  const int64_t h = row / w.out_w * w.stride_h + k / p.segment - w.top;
  const int64_t x = row % w.out_w * w.stride_w + kw - w.left;
  *inside = 0 <= h && h < w.height && 0 <= x && x < w.width;
  return static_cast<size_t>(((batch * w.height + h) * w.width + x) * w.channels + c);
}

size_t IndexOfW(const ProductProblem& p, int64_t batch, int64_t k, int64_t n) {
  const int64_t first = p.one_weight ? 0 : batch * p.depth * p.columns;
  return static_cast<size_t>(first + (p.transposed ? n * p.depth + k : k * p.columns + n));
}

void ExpectInt8(const ProductProblem& p, const Result& r) {
  size_t i = 0;
  for (int64_t batch = 0; batch < p.batch; ++batch) {
    for (int64_t row = 0; row < p.rows; ++row) {
      for (int64_t n = 0; n < p.columns; ++n, ++i) {
        int32_t sum = 0, got = 0;
        for (int64_t k = 0; k < p.depth; ++k) {
          bool inside = false;
          const size_t a = IndexOfA(p, batch, row, k, &inside);
          if (!inside) continue;
          sum += static_cast<int8_t>(r.a[a]) * static_cast<int8_t>(r.w[IndexOfW(p, batch, k, n)]);
        }
        std::memcpy(&got, &r.c[4 * i], 4);
        ASSERT_EQ(got, sum) << "batch " << batch << ", row " << row << ", column " << n;
      }
    }
  }
}

float Bf16At(const std::vector<uint8_t>& data, size_t i) {
  uint16_t bits;
  std::memcpy(&bits, &data[2 * i], 2);
  return chips::Bf16ToFloat(bits);
}

// Weight-stationary: chunks of the array's rows in each segment, each from +0, added in order.
void ExpectBf16(const ProductProblem& p, const Result& r) {
  const bool chunks = r.machine.array().dataflow() == chips::npu::WEIGHT_STATIONARY;
  const int64_t rows = static_cast<int64_t>(r.machine.array().rows().value());
  size_t i = 0;
  for (int64_t batch = 0; batch < p.batch; ++batch) {
    for (int64_t row = 0; row < p.rows; ++row) {
      for (int64_t n = 0; n < p.columns; ++n, ++i) {
        float sum = 0, part = 0, got = 0;
        for (int64_t k = 0; k < p.depth; ++k) {
          if (chunks && k % p.segment % rows == 0) {
            if (k > 0) sum = k <= rows && sum == 0 && k == rows ? part : sum + part;
            part = 0;
          }
          bool inside = false;
          const size_t a = IndexOfA(p, batch, row, k, &inside);
          const float x = inside ? Bf16At(r.a, a) : 0.0f;
          part += x * Bf16At(r.w, IndexOfW(p, batch, k, n));
        }
        sum = sum + part;
        std::memcpy(&got, &r.c[4 * i], 4);
        ASSERT_EQ(got, sum) << "batch " << batch << ", row " << row << ", column " << n;
      }
    }
  }
}

ProductProblem Transposed(ProductProblem problem) {
  problem.transposed = true;
  return problem;
}

ProductProblem Matrix(chips::DType type, int64_t batch, int64_t m, int64_t k, int64_t n,
                      bool one_weight = true) {
  ProductProblem p;
  p.type = type;
  p.bytes = type == chips::BF16 ? 2 : 1;
  p.batch = batch, p.rows = m, p.depth = p.segment = k, p.columns = n;
  p.one_weight = one_weight;
  return p;
}

// A square image and filter.
ProductProblem Conv(chips::DType type, int64_t batch, int64_t size, int64_t channels,
                    int64_t kernel, int64_t columns, int64_t stride, int64_t padding) {
  ProductProblem p;
  p.type = type;
  p.bytes = type == chips::BF16 ? 2 : 1;
  const int64_t out = (size + 2 * padding - kernel) / stride + 1;
  p.window =
      ConvWindow{size, size, channels, kernel, kernel, stride, stride, padding, padding, out, out};
  p.segment = kernel * channels, p.depth = kernel * p.segment;
  p.batch = batch, p.rows = out * out, p.columns = columns;
  return p;
}

std::string Name(const ProductProblem& p) {
  std::string name = absl::StrCat(p.batch, " of ", p.rows, " x ", p.depth, " x ", p.columns);
  if (!p.window.has_value()) return name;
  return absl::StrCat(name, ", ", p.window->height, " x ", p.window->width, " x ",
                      p.window->channels, " by ", p.window->kernel_h, ", stride ",
                      p.window->stride_h, ", padding ", p.window->top);
}

class ProductProgram : public testing::TestWithParam<std::string> {};

TEST_P(ProductProgram, EqualsTheDefinition) {
  const Machine machine = MachineOf(GetParam());
  for (const chips::DType type : {chips::I8, chips::BF16}) {
    if (!chips::npu::HasType(machine, type)) continue;
    const ProductProblem problems[] = {
        Matrix(type, 1, 1, 1, 1),
        Matrix(type, 1, 16, 16, 16),
        Matrix(type, 1, 33, 50, 35),
        Matrix(type, 1, 3, 200, 70),
        Matrix(type, 1, 150, 20, 9),
        Matrix(type, 3, 10, 21, 18, false),
        Transposed(Matrix(type, 1, 33, 50, 35)),
        Transposed(Matrix(type, 2, 7, 40, 50, false)),
        Conv(type, 1, 6, 16, 3, 20, 1, 1),
        Conv(type, 2, 5, 32, 3, 17, 2, 1),
        Conv(type, 1, 7, 3, 3, 8, 1, 0),
        Conv(type, 2, 9, 3, 5, 6, 2, 2),
        Conv(type, 1, 5, 16, 1, 40, 2, 0),
        Conv(type, 1, 4, 64, 2, 5, 1, 0),
        Conv(type, 1, 12, 1, 5, 6, 1, 2),
    };
    for (const ProductProblem& problem : problems) {
      if (problem.transposed && machine.array().dataflow() == chips::npu::OUTPUT_STATIONARY)
        continue;
      SCOPED_TRACE(absl::StrCat(GetParam(), " ", chips::DTypeName(type), " ", Name(problem)));
      STRATA_ASSERT_OK_AND_ASSIGN(const Result result, RunProduct(machine, problem));
      SCOPED_TRACE(result.tiling.ToString());
      type == chips::I8 ? ExpectInt8(problem, result) : ExpectBf16(problem, result);
      EXPECT_EQ(result.macs, problem.macs());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Machines, ProductProgram,
                         testing::Values("edge_16", "edge_16_os", "tpu_v1_like", "tpu_v4_like",
                                         "4x4", "3x5", "4x4os", "3x5os"));

// Windows, strides and paddings that differ by side; matrices in batches, transposed or not.
ProductProblem RandomProblem(chips::DType type, std::mt19937_64* random) {
  const auto pick = [random](int64_t low, int64_t high) {
    return low + static_cast<int64_t>((*random)() % static_cast<uint64_t>(high - low + 1));
  };
  if (pick(0, 1) == 0) {
    ProductProblem p = Matrix(type, pick(1, 3), pick(1, 70), pick(1, 130), pick(1, 90), pick(0, 1));
    if (p.one_weight) p.batch = 1;
    p.transposed = pick(0, 3) == 0;
    return p;
  }
  ConvWindow w;
  w.channels = pick(0, 1) == 0 ? 16 * pick(1, 3) : pick(1, 20);
  w.kernel_h = pick(1, 4), w.kernel_w = pick(1, 4);
  w.stride_h = pick(1, 3), w.stride_w = pick(1, 3);
  w.top = pick(0, w.kernel_h - 1), w.left = pick(0, w.kernel_w - 1);
  w.height = pick(w.kernel_h, 12), w.width = pick(w.kernel_w, 12);
  w.out_h = (w.height + w.top + pick(0, w.kernel_h - 1) - w.kernel_h) / w.stride_h + 1;
  w.out_w = (w.width + w.left + pick(0, w.kernel_w - 1) - w.kernel_w) / w.stride_w + 1;
  ProductProblem p = Matrix(type, pick(1, 2), w.out_h * w.out_w,
                            w.kernel_h * w.kernel_w * w.channels, pick(1, 40));
  p.window = w;
  p.segment = w.kernel_w * w.channels;
  return p;
}

TEST(ProductProgram, RandomShapesEqualTheDefinition) {
  std::mt19937_64 random(11);
  for (int i = 0; i < 40; ++i) {
    const char* names[] = {"edge_16", "edge_16_os", "4x4", "3x5", "3x5os"};
    const Machine machine = MachineOf(names[i % 5]);
    const chips::DType type = i % 3 == 0 ? chips::BF16 : chips::I8;
    ProductProblem problem = RandomProblem(type, &random);
    if (machine.array().dataflow() == chips::npu::OUTPUT_STATIONARY) problem.transposed = false;
    SCOPED_TRACE(absl::StrCat(i, ": ", machine.name(), " ", Name(problem)));
    STRATA_ASSERT_OK_AND_ASSIGN(const Result result, RunProduct(machine, problem));
    SCOPED_TRACE(result.tiling.ToString());
    type == chips::I8 ? ExpectInt8(problem, result) : ExpectBf16(problem, result);
    EXPECT_EQ(result.macs, problem.macs());
  }
}

// More rows, and longer ones, than one DMA instruction can say.
TEST(ProductProgram, LongRowsAreLoadedInParts) {
  const ProductProblem deep = Matrix(chips::I8, 1, 3, 70000, 5);
  STRATA_ASSERT_OK_AND_ASSIGN(const Result result, RunProduct(MachineOf("tpu_v1_like"), deep));
  ExpectInt8(deep, result);
}

// What the units do adds up to far more cycles than pass: they work at the same time.
TEST(ProductProgram, LoadsProductsAndStoresOverlap) {
  const ProductProblem problems[] = {Matrix(chips::I8, 1, 512, 512, 512),
                                     Conv(chips::I8, 1, 56, 64, 3, 64, 1, 1),
                                     Conv(chips::I8, 1, 14, 256, 3, 256, 1, 1)};
  for (const char* name : {"edge_16", "edge_16_os"}) {
    for (const ProductProblem& problem : problems) {
      SCOPED_TRACE(absl::StrCat(name, " ", Name(problem)));
      STRATA_ASSERT_OK_AND_ASSIGN(const Result r, RunProduct(MachineOf(name), problem, false));
      int64_t busy = 0;
      for (const chips::npu::UnitStats& unit : r.simulation.units) busy += unit.busy;
      const int64_t matrix = r.simulation.units[chips::npu::kMatrix].busy;
      EXPECT_LT(r.simulation.cycles * 110, busy * 100);
      EXPECT_LT(r.simulation.cycles * 10, matrix * 11);
      EXPECT_GE(r.simulation.cycles * 102, r.tiling.cycles * 100);
      EXPECT_EQ(r.macs, problem.macs());
    }
  }
}

TEST(ProductProgram, BytesOfDramAreCountedExactly) {
  for (const char* name : {"edge_16", "edge_16_os", "tpu_v4_like", "3x5"}) {
    for (const ProductProblem& problem :
         {Matrix(chips::I8, 1, 200, 300, 130), Matrix(chips::I8, 2, 20, 64, 48, false),
          Conv(chips::I8, 2, 14, 32, 3, 64, 1, 1)}) {
      SCOPED_TRACE(absl::StrCat(name, " ", Name(problem)));
      STRATA_ASSERT_OK_AND_ASSIGN(const Result r, RunProduct(MachineOf(name), problem, false));
      if (r.tiling.pad_in_dram) continue;
      const chips::npu::MemoryStats& dram = r.simulation.memories[chips::npu::kDram];
      EXPECT_EQ(dram.read_bytes + dram.written_bytes, r.tiling.dram_bytes);
    }
  }
}

TEST(ProductProgram, RefusesWhatTheMachineCannotDo) {
  constexpr auto kCode = absl::StatusCode::kUnimplemented;
  EXPECT_THAT(RunProduct(MachineOf("tpu_v1_like"), Matrix(chips::BF16, 1, 4, 4, 4)).status(),
              StatusIs(kCode, HasSubstr("tpu_v1_like does not multiply bf16")));
  ProductProblem transposed = Matrix(chips::I8, 1, 4, 4, 4);
  transposed.transposed = true;
  EXPECT_THAT(RunProduct(MachineOf("edge_16_os"), transposed).status(),
              StatusIs(kCode, HasSubstr("cannot load transposed weights")));
  Machine tiny = MachineOf("4x4");
  tiny.mutable_l1()->mutable_capacity_bytes()->set_value(96);
  EXPECT_THAT(RunProduct(tiny, Matrix(chips::I8, 1, 99, 99, 99)).status(),
              StatusIs(kCode, HasSubstr("no tile of the product fits into the 96 bytes of L1")));
}

}  // namespace
}  // namespace strata::compiler
