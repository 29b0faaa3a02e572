// The device "npu" on plans whose programs are made by hand: what it computes, counts, and refuses.
#include "compiler/device/npu_device.h"

#include <cmath>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/status_matchers.h"
#include "chips/npu/isa/disassembler.h"
#include "chips/npu/machine/machine.h"
#include "chips/npu/sim/gemm.h"
#include "chips/numerics/matmul_as.h"
#include "chips/spec/catalogue.h"
#include "chips/timeline/validate.h"
#include "compiler/device/device.h"
#include "compiler/device/model_device.h"
#include "compiler/device/simulation_table.h"
#include "compiler/plan/validate.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kM = 20, kK = 33, kN = 18;

uint32_t AddBuffer(plan::Plan* plan, const std::string& name, plan::BufferKind kind,
                   chips::DType dtype, int64_t rows, int64_t columns) {
  plan::Buffer* buffer = plan->add_buffers();
  buffer->set_name(name);
  buffer->set_kind(kind);
  buffer->set_dtype(dtype);
  buffer->add_dims(rows);
  buffer->add_dims(columns);
  buffer->set_size_bytes(static_cast<uint64_t>(rows * columns) * chips::SizeOf(dtype));
  return static_cast<uint32_t>(plan->buffers_size() - 1);
}

// C = A x W in int8, then again in a second step.
plan::Plan ProductPlan(const std::string& machine_name, chips::DType dtype = chips::I8) {
  auto machine = chips::npu::FindMachine(machine_name);
  EXPECT_OK(machine.status());
  auto gemm = chips::npu::MakeGemm(*machine, {.m = kM, .k = kK, .n = kN, .type = dtype});
  EXPECT_OK(gemm.status());
  const char* names[] = {"b0", "b1", "b2"};
  for (size_t i = 0; i < 3; ++i) gemm->program.regions[i].name = names[i];

  plan::Plan plan;
  plan.set_version(1);
  plan.set_name("product");
  plan.set_streams(1);
  plan.mutable_target()->set_device("npu");
  plan.mutable_target()->set_isa(machine_name);
  const uint32_t a = AddBuffer(&plan, "a", plan::INPUT, dtype, kM, kK);
  const uint32_t w = AddBuffer(&plan, "w", plan::INPUT, dtype, kK, kN);
  plan.add_inputs(a);
  plan.add_inputs(w);
  plan::Kernel* kernel = plan.add_kernels();
  kernel->set_entry("product");
  kernel->set_language(plan::NPU);
  kernel->set_source(absl::StrCat("# product\n", chips::npu::Disassemble(gemm->program)));
  kernel->set_parallel_extent(1);
  kernel->set_grain(1);
  kernel->mutable_reference()->add_nodes()->set_op("matmul");
  for (const char* name : {"c", "d"}) {
    const uint32_t c =
        AddBuffer(&plan, name, plan::OUTPUT, dtype == chips::I8 ? chips::I32 : chips::F32, kM, kN);
    plan::Step* step = plan.add_steps();
    step->set_name(name);
    step->set_origin("model.cc:7");
    step->set_reason("made by hand");
    step->mutable_launch()->set_kernel(0);
    step->add_reads(a);
    step->add_reads(w);
    step->add_writes(c);
    plan.add_outputs(c);
    plan.add_output_names(name);
  }
  EXPECT_OK(plan::ValidatePlan(plan));
  return plan;
}

graph::HostTensor Filled(int64_t rows, int64_t columns, int seed) {
  graph::HostTensor tensor = graph::HostTensor::Zeros(chips::I8, {rows, columns});
  for (int64_t i = 0; i < tensor.elements(); ++i)
    tensor.data<int8_t>()[i] = static_cast<int8_t>((i * 37 + seed) % 251 - 125);
  return tensor;
}

std::vector<double> Product(const graph::HostTensor& a, const graph::HostTensor& w) {
  std::vector<double> c;
  for (int64_t i = 0; i < kM; ++i) {
    for (int64_t j = 0; j < kN; ++j) {
      int32_t sum = 0;
      for (int64_t k = 0; k < kK; ++k)
        sum += a.data<int8_t>()[i * kK + k] * w.data<int8_t>()[k * kN + j];
      c.push_back(sum);
    }
  }
  return c;
}

absl::StatusOr<std::unique_ptr<Executable>> Load(const plan::Plan& plan,
                                                 const std::string& arithmetic = "") {
  RegisterAllDevices();
  DeviceOptions options;
  options.arithmetic = arithmetic;
  STRATA_ASSIGN_OR_RETURN(auto device, DeviceRegistry().Create("npu", options));
  return device->Load(plan);
}

TEST(NpuDeviceTest, ProgramsComputeOnEveryMachine) {
  for (const std::string& machine : chips::npu::MachineNames()) {
    SCOPED_TRACE(machine);
    if (chips::npu::FindMachine(machine)->has_davinci()) continue;  // MakeGemm is for arrays
    STRATA_ASSERT_OK_AND_ASSIGN(auto executable, Load(ProductPlan(machine)));
    for (int seed = 0; seed < 2; ++seed) {
      const graph::HostTensor a = Filled(kM, kK, seed), w = Filled(kK, kN, seed + 5);
      STRATA_ASSERT_OK_AND_ASSIGN(const auto outputs, executable->Run({a, w}, {}));
      EXPECT_EQ(outputs[0].ToDoubles(), Product(a, w));
      EXPECT_EQ(outputs[1].ToDoubles(), Product(a, w));
    }
  }
}

TEST(NpuDeviceTest, CountsWhatTheMachineDoes) {
  const plan::Plan plan = ProductPlan("edge_16");
  STRATA_ASSERT_OK_AND_ASSIGN(auto executable, Load(plan));
  chips::Timeline timeline, units;
  SimulationReport report;
  ASSERT_OK(executable->Run({Filled(kM, kK, 1), Filled(kK, kN, 2)}, {&timeline, &report, &units})
                .status());
  ASSERT_EQ(report.launches.size(), 2u);
  EXPECT_EQ(report.machine, "edge_16");
  EXPECT_EQ(report.launches[0].ideal_cycles, kM * kK * kN / 256.0);
  EXPECT_EQ(report.Macs(), 2 * kM * kK * kN);
  EXPECT_EQ(report.launches[0].cycles, report.launches[1].cycles);
  EXPECT_GT(report.Utilisation(), 0);
  EXPECT_LT(report.Utilisation(), 1);
  EXPECT_GT(report.Picojoules(), 0.3 * static_cast<double>(report.Macs()));
  EXPECT_GE(report.Bytes("DRAM"), 2 * (kM * kK + kK * kN + 4 * kM * kN));
  EXPECT_DOUBLE_EQ(report.Seconds(), static_cast<double>(report.Cycles()) / 1e9);

  EXPECT_OK(chips::ValidateTimeline(timeline));
  EXPECT_EQ(timeline.source(), chips::SIMULATED);
  ASSERT_EQ(timeline.events_size(), 2);
  EXPECT_EQ(timeline.events(0).duration_ns(), report.launches[0].cycles);  // 1 GHz
  EXPECT_EQ(timeline.events(1).start_ns(), timeline.events(0).duration_ns());

  EXPECT_OK(chips::ValidateTimeline(units));
  EXPECT_THAT(units.lanes(), ::testing::Contains("matrix"));
  EXPECT_EQ(units.events(0).step(), 0);
  EXPECT_EQ(units.events(units.events_size() - 1).step(), 1);

  const std::string summary = SimulationSummary(plan, report);
  EXPECT_THAT(summary, HasSubstr(absl::StrCat("simulated on edge_16: 2 launches, ", report.Cycles(),
                                              " cycles")));
  EXPECT_THAT(summary, ::testing::Not(HasSubstr("on the host")));
  EXPECT_THAT(SimulationJson(plan, report),
              HasSubstr(absl::StrCat("\"macs\": ", report.Macs(), ", ")));
}

TEST(NpuDeviceTest, StandsBesideItsPrediction) {
  plan::Plan plan = ProductPlan("edge_16");
  for (plan::Step& step : *plan.mutable_steps()) {
    step.set_flops(2 * kM * kK * kN);
    step.set_bytes_read(kM * kK + kK * kN);
    step.set_bytes_written(4 * kM * kN);
  }
  STRATA_ASSERT_OK_AND_ASSIGN(const chips::Chip chip, chips::FindChip("edge_16"));
  STRATA_ASSERT_OK_AND_ASSIGN(const chips::Timeline predicted, PredictTimeline(plan, chip));
  STRATA_ASSERT_OK_AND_ASSIGN(auto executable, Load(plan));
  SimulationReport report;
  RunOptions options;
  options.simulation = &report;
  ASSERT_OK(executable->Run({Filled(kM, kK, 1), Filled(kK, kN, 2)}, options).status());
  // The roof is a bound.
  EXPECT_GT(report.Seconds(), 1e-9 * static_cast<double>(predicted.events(0).duration_ns() +
                                                         predicted.events(1).duration_ns()));
  const std::string table = SimulationTable(plan, report, predicted);
  EXPECT_THAT(table, HasSubstr("model us   ratio  origin\nc "));
  EXPECT_THAT(table, HasSubstr("  model.cc:7\n"));
  EXPECT_THAT(table, HasSubstr("\nin all "));
  EXPECT_THAT(SimulationTable(plan, report, {}), ::testing::Not(HasSubstr("model us")));
}

TEST(NpuDeviceTest, ABadProgramIsNamedWithItsStep) {
  struct Fault {
    std::function<void(plan::Plan*)> spoil;
    const char* message;
  };
  const auto source = [](plan::Plan* p) { return p->mutable_kernels(0)->mutable_source(); };
  const Fault faults[] = {
      {[&](plan::Plan* p) { source(p)->append("\nfly 1, 2\n"); }, "product:"},
      {[&](plan::Plan* p) { source(p)->append("\nwait load, matrix, 9\n"); }, "deadlock"},
      {[&](plan::Plan* p) {
         absl::StrReplaceAll({{".input", ".scratch"}}, source(p));
       },
       "region b0 is scratch"},
      {[&](plan::Plan* p) {
         absl::StrReplaceAll({{"b1", "b7"}}, source(p));
       },
       "region b1 is missing, though there is b2"},
      {[&](plan::Plan* p) {
         absl::StrReplaceAll({{"b2", "x"}}, source(p));
       },
       "region 'x' is an output that no buffer takes"},
      {[&](plan::Plan* p) { source(p)->append("\n.input table, 0x100000, 64\n"); },
       "data: has nothing for the input region 'table'"},
      {[&](plan::Plan* p) {
         source(p)->append("\n.input table, 0x100000, 64\n");
         plan::KernelData* data = p->mutable_kernels(0)->add_data();
         data->set_region("table");
         data->set_content("short");
       },
       "data: has 5 bytes for the region 'table' of 64"},
      {[](plan::Plan* p) { p->mutable_kernels(0)->add_data()->set_region("b0"); },
       "data: 'b0' is no input region of the program, or is an operand"},
      {[](plan::Plan* p) { p->mutable_target()->set_isa("edge_17"); },
       "no machine named 'edge_17'"},
      {[](plan::Plan* p) { p->mutable_steps(0)->add_reads(0); },
       "the step has 4 operands; the program 'product' has 3"},
      {[](plan::Plan* p) {
         p->mutable_steps(0)->set_reads(0, 1);
         p->mutable_steps(0)->set_reads(1, 0);
       },
       "region b0 has 660 bytes; its buffer 'w' has 594"},
  };
  for (const Fault& fault : faults) {
    plan::Plan plan = ProductPlan("edge_16");
    fault.spoil(&plan);
    const absl::Status status = Load(plan).status();
    EXPECT_FALSE(status.ok()) << fault.message;
    EXPECT_THAT(std::string(status.message()), HasSubstr(fault.message));
    EXPECT_THAT(std::string(status.message()), HasSubstr("step 0 'c' of model.cc:7"));
  }
}

TEST(NpuDeviceTest, ContentOfTheProgramReachesItsRegions) {
  plan::Plan plan = ProductPlan("edge_16");
  const graph::HostTensor a = Filled(kM, kK, 1), w = Filled(kK, kN, 2);
  // The weights are no operand, but a table.
  plan::Kernel* kernel = plan.mutable_kernels(0);
  absl::StrReplaceAll({{"b1", "table"}, {"b2", "b1"}}, kernel->mutable_source());
  plan::KernelData* data = kernel->add_data();
  data->set_region("table");
  data->set_content(std::string(w.data<char>(), w.size_bytes()));
  for (plan::Step& step : *plan.mutable_steps()) step.mutable_reads()->RemoveLast();
  STRATA_ASSERT_OK_AND_ASSIGN(auto executable, Load(plan));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto outputs, executable->Run({a, Filled(kK, kN, 3)}, {}));
  EXPECT_EQ(outputs[0].ToDoubles(), Product(a, w));
}

// C = A x W in bf16, computed as `arithmetic`.
std::vector<double> Bf16Product(const std::string& arithmetic, graph::HostTensor a,
                                graph::HostTensor w) {
  auto executable = Load(ProductPlan("edge_16", chips::BF16), arithmetic);
  EXPECT_OK(executable.status());
  if (!executable.ok()) return {};
  const auto outputs = (*executable)->Run({a, w}, {});
  EXPECT_OK(outputs.status());
  return outputs.ok() ? (*outputs)[0].ToDoubles() : std::vector<double>();
}

graph::HostTensor Bf16(int64_t rows, int64_t columns) {
  std::vector<double> values;
  for (int64_t i = 0; i < rows * columns; ++i)
    values.push_back(std::sin(static_cast<double>(i * i % 1009)) * std::exp2(i % 11));
  return graph::HostTensor::FromDoubles(chips::BF16, {rows, columns}, values);
}

TEST(NpuDeviceTest, MultipliesAsAnotherChipBitForBit) {
  const graph::HostTensor a = Bf16(kM, kK), w = Bf16(kK, kN);
  const std::vector<double> da = a.ToDoubles(), dw = w.ToDoubles();
  const std::vector<float> fa(da.begin(), da.end()), fw(dw.begin(), dw.end());
  const std::vector<double> own = Bf16Product("", a, w);
  for (const char* chip : {"a100", "h100", "b200"}) {
    std::vector<float> want(kM * kN);
    ASSERT_OK(chips::MatmulAs(chip, "bf16", {kM, kN, kK}, fa, fw, {}, absl::MakeSpan(want)));
    const std::vector<double> got = Bf16Product(absl::StrCat("as_", chip), a, w);
    EXPECT_EQ(got, std::vector<double>(want.begin(), want.end())) << chip;
    EXPECT_NE(got, own) << chip;
  }
}

TEST(NpuDeviceTest, RefusesAnArithmeticThatIsNoChips) {
  for (const char* name : {"as_abacus", "as_edge_16", "h100"}) {
    EXPECT_THAT(Load(ProductPlan("edge_16"), name),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("give as_h100")))
        << name;
  }
  // V100 multiplies no bf16.
  EXPECT_THAT(Load(ProductPlan("edge_16", chips::BF16), "as_v100"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("multiplies no bf16")));
}

TEST(NpuDeviceTest, APlanWithoutAMachineIsRefused) {
  plan::Plan plan = ProductPlan("edge_16");
  plan.mutable_target()->clear_isa();
  EXPECT_THAT(Load(plan), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("target.isa")));
}

}  // namespace
}  // namespace strata::compiler
