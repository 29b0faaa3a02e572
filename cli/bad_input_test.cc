// What `strata` says to bad input: a message that names the file, the fault and a remedy, exit code 2, and nothing
// half-written.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/status_matchers.h"
#include "base/subprocess.h"
#include "cli/command_fixture.h"
#include "gtest/gtest.h"

namespace strata::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kGraph[] = R"(graph "mlp" {
  %x: f32[2, 4] = input data
  %w: f32[4, 3] = input parameter
  %y: f32[2, 3] = matmul(%x, %w)
  %z: f32[2, 3] = relu(%y)
  return %z as "z" sharded
}
)";

using BadInputTest = CommandFixture;

TEST_F(BadInputTest, QuantizeSaysWhatItNeeds) {
  const std::string graph = Path("int8.graph"), plan = Path("int8.plan");
  EXPECT_THAT(
      Strata({"quantize", "lenet5", "--height=16", "--width=16", "--classes=10", "-o", graph}, 0),
      AllOf(HasSubstr("conv2"), HasSubstr("fc3")));
  STRATA_ASSERT_OK_AND_ASSIGN(
      const auto json, RunSubprocess({"cli/strata", "quantize", "lenet5", "--json", "-o", graph}));
  EXPECT_THAT(json.standard_output, HasSubstr("{\"layer\":\"conv2\""));
  EXPECT_THAT(Strata({"compile", graph, "--explain", "--chip=h100"}, 0),
              HasSubstr("exact i32 sums"));
  EXPECT_THAT(Strata({"quantize", Write("f.graph", kGraph)}, 2), HasSubstr("give --weights="));
  EXPECT_THAT(Strata({"quantize", Path("f.graph"), "--weights=none", "--samples=none"}, 2),
              HasSubstr("none"));
  EXPECT_THAT(Strata({"quantize", "resnet18", "--percentile=0"}, 2), HasSubstr("percentile: is 0"));
  EXPECT_THAT(Strata({"quantize", "mobilenet_v1", "--multiplier=0"}, 2),
              HasSubstr("multiplier: is 0"));
}

TEST_F(BadInputTest, ConvertSaysWhatItNeeds) {
  const std::string out = Path("out.gguf");
  EXPECT_THAT(Strata({"convert", Path("none"), out}, 2), HasSubstr("none"));
  EXPECT_THAT(Strata({"convert", Path("none"), out, "--split-size=big"}, 2),
              HasSubstr("'big' is no size; give one such as 2G"));
  EXPECT_THAT(Strata({"convert", Path("none"), out, "--quant=q3_k"}, 2), HasSubstr("q8_0, q4_0"));
  EXPECT_THAT(Strata({"convert", Write("bad.gguf", "GGUF\x01"), Path("folder")}, 2),
              HasSubstr("bad.gguf: byte 4: the file is truncated"));
  EXPECT_FALSE(FileExists(out));
}

TEST_F(BadInputTest, EngineFlagsSayWhatTheyTake) {
  for (const char* verb : {"generate", "serve"}) {
    std::vector<std::string> args = {verb, Path("model")};
    if (args[0] == "generate") args.push_back("--prompt=a");
    const auto with = [&](const std::string& flag) {
      std::vector<std::string> all = args;
      all.push_back(flag);
      return Strata(all, 2);
    };
    EXPECT_THAT(with("--kv=f8"), AllOf(HasSubstr("--kv"), HasSubstr("int8")));
    EXPECT_THAT(with("--speculation=luck"), HasSubstr("lookup"));
    EXPECT_THAT(with("--speculation=draft"), HasSubstr("needs --draft=PATH"));
    EXPECT_THAT(with("--draft=small"), HasSubstr("goes with --speculation=draft, not none"));
  }
}

TEST_F(BadInputTest, GoodInputRuns) {
  const std::string graph = Write("g.graph", kGraph), plan = Path("g.plan");
  Strata({"compile", graph, "-o", plan, "--chip=h100"}, 0);
  EXPECT_THAT(Strata({"run", plan, "--repeat=1"}, 0), HasSubstr("total"));
  EXPECT_THAT(Strata({"predict", plan, "--chip=b200"}, 0), HasSubstr("total"));
  EXPECT_THAT(Strata({"compile", graph, "--explain", "--chip=h100"}, 0), HasSubstr("matmul"));
  EXPECT_THAT(Strata({"opt", graph, "--pass=dce"}, 0), HasSubstr("return %z"));
  EXPECT_THAT(
      Strata({"compile", graph, "-o", plan, "--chip=h100", "--dump-passes", Path("dump")}, 0),
      HasSubstr("00-input"));
  EXPECT_THAT(Strata({"opt", Path("dump/00-input.graph"), "--pass=dce"}, 0),
              HasSubstr("return %z"));
  EXPECT_THAT(Strata({"ops"}, 0), HasSubstr("attention"));
  EXPECT_THAT(Strata({"chips", "a100"}, 0), HasSubstr("A100"));
  EXPECT_THAT(Strata({"--help"}, 0), HasSubstr("serve"));
}

TEST_F(BadInputTest, ThePlanForAnNpuRunsOnItsMachine) {
  const std::string graph = Write("g.graph", kGraph), plan = Path("g.plan");
  const std::string trace = Path("trace.json"), units = Path("units.json");
  for (const char* chip : {"edge_16", "tpu_v4_like"}) {
    Strata({"compile", graph, "-o", plan, "--device=npu", "--chip", chip}, 0);
    EXPECT_THAT(Strata({"run", plan, "--profile", trace, "--profile-units", units}, 0),
                HasSubstr("simulated"));
    EXPECT_THAT(*ReadFile(trace), HasSubstr("traceEvents"));
    EXPECT_THAT(*ReadFile(units), HasSubstr("traceEvents"));
    EXPECT_THAT(Strata({"run", plan, "--json"}, 0), HasSubstr("\"cycles\": "));
    EXPECT_THAT(Strata({"predict", plan}, 0), HasSubstr("total"));
  }
  EXPECT_THAT(Strata({"compile", graph, "--device=npu", "--chip=h100"}, 2),
              AllOf(HasSubstr("chip 'h100' has no npu_machine"), HasSubstr("edge_16")));
  EXPECT_THAT(Strata({"compile", graph, "--device=abacus", "--chip=h100"}, 2),
              HasSubstr("'cpu' and 'npu', not 'abacus'"));
  EXPECT_THAT(Strata({"run", plan, "--device=cpu"}, 2), HasSubstr("compile again"));
  Strata({"compile", graph, "-o", plan, "--chip=h100"}, 0);
  EXPECT_THAT(Strata({"run", plan, "--json"}, 2), HasSubstr("'cpu' does not"));
  EXPECT_THAT(Strata({"run", plan, "--device=npu"}, 2), HasSubstr("--device=npu"));
}

TEST_F(BadInputTest, GraphWithACycle) {
  const std::string graph = Write("cycle.graph", R"(graph "loop" {
  %x: f32[2] = input data
  %a: f32[2] = add(%x, %b)
  %b: f32[2] = add(%x, %a)
  return %b as "b" sharded
}
)");
  EXPECT_THAT(Strata({"compile", graph, "-o", Path("out.plan")}, 2),
              AllOf(HasSubstr("cycle.graph:3"), HasSubstr("%b")));
  EXPECT_FALSE(FileExists(Path("out.plan")));
}

TEST_F(BadInputTest, WrongDType) {
  const std::string graph = Write("dtype.graph", R"(graph "g" {
  %x: f32[2] = input data
  %i: i32[2] = input data
  %a: f32[2] = add(%x, %i)
  return %a as "a" sharded
}
)");
  EXPECT_THAT(Strata({"compile", graph, "-o", Path("out.plan")}, 2),
              AllOf(HasSubstr("add"), HasSubstr("i32")));
}

TEST_F(BadInputTest, UnknownOp) {
  const std::string graph = Write("op.graph",
                                  "graph \"g\" {\n  %x: f32[2] = input data\n  %a: f32[2] = "
                                  "rellu(%x)\n  return %a as \"a\" sharded\n}\n");
  EXPECT_THAT(Strata({"compile", graph}, 2), HasSubstr("did you mean 'relu'"));
}

TEST_F(BadInputTest, UnknownPassChipAndVerb) {
  const std::string graph = Write("g.graph", kGraph);
  EXPECT_THAT(Strata({"opt", graph, "--pass=nothing"}, 2),
              AllOf(HasSubstr("nothing"), HasSubstr("cse")));
  EXPECT_THAT(Strata({"compile", graph, "--chip=z80"}, 2),
              AllOf(HasSubstr("z80"), HasSubstr("h100")));
  EXPECT_THAT(Strata({"cook"}, 2), HasSubstr("strata: 'cook' is no verb; there are: ops, chips"));
  EXPECT_THAT(Strata({"bench", "cook"}, 2),
              HasSubstr("strata bench: 'cook' is no verb; there are: serve, soak"));
  EXPECT_THAT(Strata({}, 2), HasSubstr("give a verb"));
  EXPECT_THAT(Strata({"opt"}, 2), HasSubstr("graph is required\nTry `strata opt --help`"));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto lost,
                              RunSubprocess({"/bin/sh", "-c", "cli/strata ops > /dev/full"}));
  EXPECT_EQ(lost.exit_code, 1);
  EXPECT_THAT(lost.standard_error, HasSubstr("standard output: cannot write"));
  EXPECT_THAT(Strata({"compile", graph, "--chip=h100", "--compiler=reference", "--dump-passes",
                      Path("dump")},
                     2),
              AllOf(HasSubstr("--dump-passes"), HasSubstr("ran no passes")));
}

TEST_F(BadInputTest, ReduceAndProvenance) {
  const std::string graph = Write("g.graph", kGraph), small = Path("small.graph"),
                    page = Path("page.html");
  EXPECT_THAT(Strata({"reduce", graph, "--check=! grep -q relu {}", "-o", small}, 0),
              HasSubstr("2 -> 1 nodes"));
  STRATA_ASSERT_OK_AND_ASSIGN(const std::string text, ReadFile(small));
  EXPECT_THAT(text, AllOf(HasSubstr("relu(%y)"), ::testing::Not(HasSubstr("matmul"))));
  EXPECT_THAT(Strata({"reduce", graph}, 2), HasSubstr("finds no fault"));
  EXPECT_THAT(Strata({"reduce", graph, "--check=/nowhere/check {}"}, 2),
              HasSubstr("/nowhere/check"));
  EXPECT_THAT(Strata({"reduce", graph, "--check=cook"}, 2), HasSubstr("difference, compile"));
  Strata({"provenance", graph, "-o", page, "--chip=h100", "--run", "--repeat=2"}, 0);
  STRATA_ASSERT_OK_AND_ASSIGN(const std::string html, ReadFile(page));
  EXPECT_THAT(html, AllOf(HasSubstr("Provenance of mlp"), HasSubstr("\"runs\":2")));
}

TEST_F(BadInputTest, PlanForAnotherMachine) {
  const std::string plan = Path("g.textproto");
  Strata({"compile", Write("g.graph", kGraph), "-o", plan, "--chip=h100"}, 0);
  STRATA_ASSERT_OK_AND_ASSIGN(std::string text, ReadFile(plan));
  const size_t at = text.find("device: \"cpu\"");
  ASSERT_NE(at, std::string::npos);
  const std::string other = Write("other.textproto", text.replace(at, 13, "device: \"tpu\""));
  EXPECT_THAT(Strata({"run", other}, 2), AllOf(HasSubstr("tpu"), HasSubstr("cpu")));
  EXPECT_THAT(Strata({"run", Write("half.plan", text.substr(0, 100))}, 2), HasSubstr("half.plan"));
}

TEST_F(BadInputTest, CorpusEmptyOrNotUtf8) {
  const std::string recipe =
      Write("r.textproto",
            "model { architecture: \"gpt2\" context: 8 layers: 1 width: 8 heads: 1 }\n"
            "batch: 1 sequence: 8 steps: 1 learning_rate: 0.1 tokenizer_vocab: 260\n");
  const std::string out = Path("out");
  EXPECT_THAT(Strata({"train", recipe, "--output", out, "--corpus", Write("empty.txt", "")}, 2),
              HasSubstr("empty.txt"));
  EXPECT_THAT(
      Strata({"train", recipe, "--output", out, "--corpus", Write("latin.txt", "caf\xE9 au lait")},
             2),
      AllOf(HasSubstr("latin.txt"), HasSubstr("UTF-8"), HasSubstr("3")));
  EXPECT_THAT(Strata({"train", Write("bad.textproto", "steps: \"x\""), "--output", out}, 2),
              HasSubstr("bad.textproto:1"));
  EXPECT_FALSE(FileExists(out));
}

TEST_F(BadInputTest, TruncatedModelAndPortInUse) {
  const std::string corpus =
      Write("text.txt", std::string(400, 'a') + " and then some more text to learn from");
  const std::string recipe =
      Write("r.textproto",
            "model { architecture: \"gpt2\" context: 8 layers: 1 width: 8 heads: 1 }\n"
            "batch: 1 sequence: 8 steps: 2 learning_rate: 0.1 tokenizer_vocab: 258\n");
  Strata({"train", recipe, "--output", Path("out"), "--corpus", corpus}, 0);
  const std::string model = Path("out/checkpoint-000002");

  const int socket_fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  ASSERT_EQ(bind(socket_fd, reinterpret_cast<sockaddr*>(&address), length), 0);
  ASSERT_EQ(listen(socket_fd, 1), 0);
  getsockname(socket_fd, reinterpret_cast<sockaddr*>(&address), &length);
  const std::string port = std::to_string(ntohs(address.sin_port));
  auto taken = RunSubprocess({"cli/strata", "serve", model, "--port", port});
  ASSERT_OK(taken);
  EXPECT_NE(taken->exit_code, 0);
  EXPECT_THAT(taken->standard_error, HasSubstr(port));
  close(socket_fd);

  EXPECT_THAT(Strata({"generate", model, "--prompt=a", "--max-tokens=3"}, 0), HasSubstr("tok/s"));
  EXPECT_THAT(Strata({"generate", model, "--prompt=a", "--regex=(b|cc){2}"}, 0),
              HasSubstr("tok/s"));
  EXPECT_THAT(Strata({"generate", model, "--prompt=a", "--regex=(b"}, 2),
              HasSubstr("line 1, column 3: expected )"));
  const std::string schema = Path("schema.json");
  ASSERT_OK(WriteFileAtomic(schema, "{\"not\": {}}"));
  EXPECT_THAT(Strata({"generate", model, "--prompt=a", "--json-schema", schema}, 2),
              HasSubstr("schema.json: #/not: this keyword is not supported"));
  STRATA_ASSERT_OK_AND_ASSIGN(std::string weights, ReadFile(JoinPath(model, "model.safetensors")));
  ASSERT_OK(
      WriteFileAtomic(JoinPath(model, "model.safetensors"), weights.substr(0, weights.size() - 7)));
  EXPECT_THAT(Strata({"generate", model, "--prompt=a"}, 2), HasSubstr("model.safetensors"));
  EXPECT_THAT(Strata({"generate", Path("nothing"), "--prompt=a"}, 2), HasSubstr("config.json"));
}

}  // namespace
}  // namespace strata::cli
