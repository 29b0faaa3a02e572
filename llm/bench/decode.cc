// Benchmark: decoding one sequence token by token on made weights, against the memory's read bandwidth.
//
//   bazel run -c opt //llm/bench:decode -- --shape=tinyllama-1.1b --quant=int8
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_format.h"
#include "chips/cost/roofline.h"
#include "chips/spec/host/host.h"
#include "inference/compress/int8.h"
#include "inference/engine/stepper.h"
#include "llm/model/config.h"
#include "llm/model/decoder.h"
#include "llm/model/pretrained.h"

namespace strata::llm {
namespace {

struct Flags {
  std::string shape = "tinyllama-1.1b";
  std::string quant = "int8";
  int64_t prompt = 16;
  int64_t tokens = 64;
  int threads = 0;
  bool json = false;
};

double Now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Uniform weights of the initialisation's variance; quicker to make than normal ones.
inference::WeightMap MakeWeights(const DecoderConfig& config) {
  inference::WeightMap weights;
  uint64_t state = 1;
  for (const framework::ParameterSpec& spec : DecoderParameters(config)) {
    graph::HostTensor tensor = graph::HostTensor::Allocate(chips::F32, spec.dims);
    float* data = tensor.data<float>();
    for (int64_t i = 0; i < tensor.elements(); ++i) {
      state = state * 6364136223846793005ull + 1442695040888963407ull;
      const float uniform = static_cast<float>(state >> 40) * 0x1p-24f - 0.5f;
      data[i] = spec.init.kind == framework::Init::Kind::kOnes ? 1.0f : uniform * 0.07f;
    }
    weights[spec.name] = std::move(tensor);
  }
  return weights;
}

// Bytes that one token must read: every matrix once, without the rows of the token embedding that are not looked up.
double BytesPerToken(const inference::DecoderModel& model) {
  double bytes = 0;
  for (const auto& [name, tensor] : model.weights()) {
    const bool looked_up = name.find("embed_tokens") != std::string::npos || name == "wpe.weight";
    const bool tied_copy = name == "wte.weight" && model.weights().count("wte.weight.int8") != 0;
    if (!looked_up && !tied_copy) bytes += static_cast<double>(tensor.size_bytes());
  }
  return bytes;
}

absl::Status Run(const Flags& flags) {
  STRATA_ASSIGN_OR_RETURN(DecoderConfig config, NamedConfig(flags.shape));
  std::shared_ptr<const inference::DecoderModel> model;
  STRATA_ASSIGN_OR_RETURN(model, MakeDecoderModel(flags.shape, config, MakeWeights(config)));
  if (flags.quant == "int8") {
    STRATA_ASSIGN_OR_RETURN(model, inference::QuantizeModel(std::move(model)));
  } else if (flags.quant != "f32") {
    return absl::InvalidArgumentError(
        absl::StrCat("--quant=", flags.quant, ": there is: int8, f32"));
  }
  compiler::CompiledEvaluator::Options options;
  options.device_options.threads = flags.threads;
  STRATA_ASSIGN_OR_RETURN(auto stepper, inference::Stepper::Create(
                                            model.get(), options, flags.prompt + flags.tokens + 1));
  STRATA_ASSIGN_OR_RETURN(inference::SequenceState state, stepper->NewSequence());
  for (int64_t i = 0; i < flags.prompt; ++i)
    STRATA_RETURN_IF_ERROR(stepper->Step({static_cast<int32_t>(i + 1)}, &state).status());

  std::vector<double> seconds;
  for (int64_t i = 0; i < flags.tokens; ++i) {
    const double start = Now();
    STRATA_RETURN_IF_ERROR(stepper->Step({static_cast<int32_t>(i + 1)}, &state).status());
    seconds.push_back(Now() - start);
  }
  chips::HostOptions host_options;
  host_options.threads = flags.threads;
  STRATA_ASSIGN_OR_RETURN(chips::Chip host, chips::MeasureHost(host_options));
  std::nth_element(seconds.begin(), seconds.begin() + static_cast<long>(seconds.size() / 2),
                   seconds.end());
  STRATA_ASSIGN_OR_RETURN(const double bandwidth, chips::MainBandwidth(host));
  const double median = seconds[seconds.size() / 2];
  const double bytes = BytesPerToken(*model), fraction = bytes / median / bandwidth;
  if (flags.json) {
    std::printf(
        "{\"shape\": \"%s\", \"quant\": \"%s\", \"tokens_per_second\": %.2f, \"bytes_per_token\": "
        "%.0f, "
        "\"read_bandwidth\": %.0f, \"fraction_of_roof\": %.4f}\n",
        flags.shape.c_str(), flags.quant.c_str(), 1 / median, bytes, bandwidth, fraction);
    return absl::OkStatus();
  }
  std::printf("%s %s decode, batch 1: %.1f tok/s (median of %d)\n", flags.shape.c_str(),
              flags.quant.c_str(), 1 / median, static_cast<int>(flags.tokens));
  std::printf("  reads %.3f GB a token: %.1f GB/s, %.0f%% of the %.1f GB/s measured in this run\n",
              bytes / 1e9, bytes / median / 1e9, 100 * fraction, bandwidth / 1e9);
  return absl::OkStatus();
}

}  // namespace
}  // namespace strata::llm

int main(int argc, char** argv) {
  strata::llm::Flags flags;
  CLI::App app("Decoding on made weights, measured against the memory's read bandwidth.");
  app.add_option("--shape", flags.shape, "named model shape")->capture_default_str();
  app.add_option("--quant", flags.quant, "int8 or f32")->capture_default_str();
  app.add_option("--prompt", flags.prompt, "tokens before the measured ones")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--tokens", flags.tokens, "measured tokens")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--threads", flags.threads, "threads; 0 is all cores")->capture_default_str();
  app.add_flag("--json", flags.json, "one JSON object");
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = strata::llm::Run(flags);
  if (!status.ok()) std::fprintf(stderr, "decode: %s\n", std::string(status.message()).c_str());
  return strata::ExitCode(status);
}
