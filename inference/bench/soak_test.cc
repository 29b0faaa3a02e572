// A soak of everything at once: the server, the engine with all its features and too few pages, and a real decoder
// through the compiler. Bounded and seeded; `strata bench soak` is the same for as long as one likes.
#include "inference/load/soak.h"

#include <algorithm>
#include <memory>

#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "inference/engine/engine.h"
#include "inference/engine/fake_model.h"
#include "inference/server/server.h"
#include "llm/model/local_model.h"
#include "llm/model/tiny_models.h"

namespace strata::inference {
namespace {

using ::testing::IsEmpty;

absl::StatusOr<std::shared_ptr<const DecoderModel>> TinyDecoder(const std::string& architecture,
                                                                const std::string& format) {
  llm::DecoderConfig config = llm::TinyConfig(architecture);
  config.set_vocab_size(ByteTokenizer().vocab_size());
  config.set_context(128);
  return llm::MakeDecoderModel(architecture, config, llm::TinyWeights(config, /*seed=*/3),
                               {.format = format});
}

struct Soaked {
  SoakReport report;
  EngineStats stats;
  absl::Status empty;  // of the engine's pages afterwards
};

absl::StatusOr<Soaked> SoakOf(const std::shared_ptr<const DecoderModel>& model,
                              const EngineOptions& options, const SoakOptions& soak) {
  STRATA_ASSIGN_OR_RETURN(const std::shared_ptr<Engine> engine,
                          Engine::Create(model, std::make_shared<ByteTokenizer>(), options));
  STRATA_ASSIGN_OR_RETURN(const auto server, Server::Start(engine, {.port = 0}));
  Soaked soaked;
  STRATA_ASSIGN_OR_RETURN(soaked.report, Soak("127.0.0.1", server->port(), soak));
  server->Stop();
  soaked.stats = engine->stats();
  soaked.empty = engine->CheckEmpty();
  return soaked;
}

TEST(RealEngineSoak, NothingLeaksStallsOrAnswersOtherwise) {
  STRATA_ASSERT_OK_AND_ASSIGN(const auto model, TinyDecoder("llama", "q8_0"));
  EngineOptions options;
  options.max_sequences = 4;
  options.page_size = 4;
  options.pages = 56;  // one context of 128 tokens needs 34, the others are taken from each other
  options.step_tokens = 24;
  options.chunk_tokens = 10;
  options.speculation.kind = SpeculationOptions::Kind::kPromptLookup;
  options.prepare = true;  // so that memory stands before half-time
  STRATA_ASSERT_OK_AND_ASSIGN(const Soaked soaked, SoakOf(model, options,
                                                          {.seconds = 60,
                                                           .most_requests = 400,
                                                           .clients = 7,
                                                           .watchers = 1,
                                                           .most_tokens = 40,
                                                           .stall_seconds = 30,
                                                           .memory_growth = 0.02}));
  EXPECT_THAT(soaked.report.faults, IsEmpty()) << SoakText(soaked.report);
  EXPECT_THAT(soaked.empty, IsOk());
  EXPECT_EQ(soaked.stats.running + soaked.stats.waiting, 0);
  EXPECT_EQ(soaked.stats.kv_pages_used, 0);
  // All of it has happened.
  EXPECT_GE(soaked.report.requests, 400);
  EXPECT_GT(soaked.report.answered, 150);
  EXPECT_GT(soaked.report.refused, 40);
  EXPECT_GT(soaked.report.left, 20);
  EXPECT_GT(soaked.report.same_answers, 5);
  EXPECT_GT(soaked.report.memory_half_time, 0);
  EXPECT_GT(soaked.stats.finished_aborted, 10);
  EXPECT_GT(soaked.stats.preemptions, 0);
  EXPECT_GT(soaked.stats.prefix_hits, 0);
  EXPECT_GT(soaked.stats.accepted_tokens, 0);
  EXPECT_EQ(soaked.stats.finished_error, 0);
}

}  // namespace
}  // namespace strata::inference
