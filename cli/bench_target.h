// What `strata bench` puts load on: a server by its URL, or a model that is served in this process.
#ifndef STRATA_CLI_BENCH_TARGET_H_
#define STRATA_CLI_BENCH_TARGET_H_

#include <cstdint>
#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "base/status.h"
#include "cli/open_engine.h"
#include "inference/load/load_generator.h"
#include "inference/server/server.h"

namespace strata::cli {

struct TargetFlags {
  std::string url, backend = "openai", model_name;
  EngineFlags engine;
  double temperature = 0;
};

// What the load is put on, and what stands behind it when it is in this process.
struct Target {
  std::shared_ptr<inference::Engine> engine;
  std::unique_ptr<inference::Server> server;
  std::unique_ptr<inference::LoadTarget> target;
  std::string model;
  int64_t vocabulary = 0;
};

// INVALID_ARGUMENT unless exactly one of --url and --model is given.
absl::StatusOr<Target> OpenTarget(const TargetFlags& flags);

// --url, --model and the engine's.
void AddTargetFlags(CLI::App* verb, TargetFlags* flags);

}  // namespace strata::cli

#endif  // STRATA_CLI_BENCH_TARGET_H_
