// Chapter 4: the trained model writes; in int8 too; and over HTTP, where the text must be the same.
#include <algorithm>
#include <cstdio>
#include <memory>

#include "absl/strings/str_format.h"
#include "courses/tour/tour.h"
#include "inference/server/completion_client.h"
#include "inference/server/server.h"
#include "llm/model/pretrained.h"

namespace strata::courses {
namespace {

constexpr int64_t kTokens = 80;
constexpr double kTemperature = 0.6, kTopP = 0.9;
constexpr uint64_t kSeed = 3;

double WeightBytes(const inference::DecoderModel& model) {
  double bytes = 0;
  for (const auto& [name, tensor] : model.weights())
    bytes += static_cast<double>(tensor.size_bytes());
  return bytes;
}

absl::StatusOr<std::shared_ptr<inference::Engine>> MakeEngine(
    std::shared_ptr<const inference::DecoderModel> model,
    std::shared_ptr<const inference::Tokenizer> tokenizer) {
  STRATA_ASSIGN_OR_RETURN(std::unique_ptr<inference::Engine> engine,
                          inference::Engine::Create(std::move(model), std::move(tokenizer), {}));
  return std::shared_ptr<inference::Engine>(std::move(engine));
}

absl::StatusOr<inference::Generation> Write(inference::Engine& engine, const std::string& prompt) {
  inference::GenerateRequest request;
  request.prompt = engine.tokenizer().Encode(prompt);
  request.max_tokens = kTokens;
  request.sampling.temperature = kTemperature;
  request.sampling.top_p = kTopP;
  request.sampling.seed = kSeed;
  return engine.Generate(request, nullptr);
}

double Rate(const inference::Generation& generation) {
  return generation.decode_seconds > 0
             ? static_cast<double>(generation.tokens.size() - 1) / generation.decode_seconds
             : 0;
}

// How many tokens of the two texts are equal before the first difference.
double Agreement(const inference::Generation& a, const inference::Generation& b) {
  size_t same = 0;
  while (same < a.tokens.size() && same < b.tokens.size() && a.tokens[same] == b.tokens[same])
    ++same;
  return static_cast<double>(same) / static_cast<double>(std::max<size_t>(1, a.tokens.size()));
}

}  // namespace

absl::Status Serve(Tour& tour) {
  STRATA_ASSIGN_OR_RETURN(llm::PretrainedModel trained,
                          llm::LoadPretrained(tour.training.checkpoint));
  STRATA_ASSIGN_OR_RETURN(auto engine, MakeEngine(trained.model, trained.tokenizer));
  tour.prompt =
      tour.options.corpus.empty()
          ? "#include <"
          : trained.tokenizer->Decode(absl::MakeConstSpan(tour.text.tokens).subspan(0, 8));
  STRATA_ASSIGN_OR_RETURN(inference::Generation offline, Write(*engine, tour.prompt));
  tour.offline_text = offline.text;
  tour.decode_tokens_per_second = Rate(offline);
  std::fprintf(stderr, "   %s%s\n", tour.prompt.c_str(), offline.text.substr(0, 200).c_str());

  STRATA_ASSIGN_OR_RETURN(
      const llm::PretrainedModel int8,
      llm::LoadPretrained(tour.training.checkpoint, {.weights = {.format = "q8_0"}}));
  STRATA_ASSIGN_OR_RETURN(auto int8_engine, MakeEngine(int8.model, int8.tokenizer));
  STRATA_ASSIGN_OR_RETURN(inference::Generation quantised, Write(*int8_engine, tour.prompt));
  tour.int8_text = quantised.text;
  tour.int8_tokens_per_second = Rate(quantised);
  tour.int8_agreement = Agreement(offline, quantised);
  tour.f32_bytes = WeightBytes(*trained.model);
  tour.int8_bytes = WeightBytes(*int8.model);

  inference::ServerOptions options;
  options.port = tour.options.port;
  options.model_name = "tour";
  STRATA_ASSIGN_OR_RETURN(std::unique_ptr<inference::Server> server,
                          inference::Server::Start(engine, options));
  tour.port = server->port();
  std::fprintf(stderr, "   serving on http://127.0.0.1:%d/v1/completions\n", tour.port);
  STRATA_ASSIGN_OR_RETURN(tour.served_text,
                          inference::CompleteOverHttp("127.0.0.1", tour.port,
                                                      {.model = "tour",
                                                       .prompt = tour.prompt,
                                                       .max_tokens = kTokens,
                                                       .temperature = kTemperature,
                                                       .top_p = kTopP,
                                                       .seed = kSeed}));
  server->Stop();
  tour.claims.push_back({"The served text is the offline text",
                         tour.served_text == tour.offline_text,
                         absl::StrFormat("%d characters over HTTP from port %d",
                                         static_cast<int>(tour.served_text.size()), tour.port)});
  return absl::OkStatus();
}

}  // namespace strata::courses
