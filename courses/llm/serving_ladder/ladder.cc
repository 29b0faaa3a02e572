#include "courses/llm/serving_ladder/ladder.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "courses/llm/serving_ladder/rungs.h"
#include "inference/load/arrivals.h"
#include "inference/load/load_requests.h"

namespace strata::courses {
namespace {

using inference::EngineStats;
using inference::LoadRequest;

struct Load {
  std::vector<LoadRequest> requests;
  std::vector<double> times;
};

absl::StatusOr<Load> MakeLoad(const LadderOptions& options, int64_t vocabulary, uint64_t seed) {
  const int64_t tokens = options.prefix_tokens + options.suffix_tokens + options.output_tokens;
  if (tokens > kLadderContext) {
    return absl::InvalidArgumentError(absl::StrCat(
        "prompt and answer have ", tokens, " tokens; the lab's context holds ", kLadderContext));
  }
  Load load;
  STRATA_ASSIGN_OR_RETURN(load.requests,
                          inference::PrefixRequests({.count = options.requests,
                                                     .prefixes = options.prefixes,
                                                     .prefix_tokens = options.prefix_tokens,
                                                     .suffix_tokens = options.suffix_tokens,
                                                     .output_tokens = options.output_tokens,
                                                     .vocabulary = vocabulary,
                                                     .seed = seed}));
  inference::ArrivalOptions arrivals;
  if (options.rate > 0) arrivals.rate = options.rate;
  STRATA_ASSIGN_OR_RETURN(load.times, inference::ArrivalTimes(arrivals, options.requests, seed));
  return load;
}

// What was counted between two looks; only what the claims need.
EngineStats Difference(const EngineStats& after, const EngineStats& before) {
  EngineStats work = after;
  work.steps -= before.steps;
  work.step_tokens -= before.step_tokens;
  work.step_seconds -= before.step_seconds;
  work.prefix_queries -= before.prefix_queries;
  work.prefix_hits -= before.prefix_hits;
  work.preemptions -= before.preemptions;
  work.draft_tokens -= before.draft_tokens;
  work.accepted_tokens -= before.accepted_tokens;
  for (size_t i = 0; i < work.iteration_tokens.size(); ++i)
    work.iteration_tokens[i] -= before.iteration_tokens[i];
  return work;
}

// Sends a load and tells what was counted meanwhile. All that comes at once is held until all of it waits, so that the
// steps do not depend on how fast the threads of the senders start.
absl::StatusOr<inference::LoadRun> Serve(inference::Engine& engine, LadderTarget& target,
                                         const Load& load, bool hold, EngineStats* work) {
  inference::WallClock clock;
  std::unique_ptr<EngineHold> held;
  if (hold) {
    STRATA_ASSIGN_OR_RETURN(held,
                            EngineHold::Begin(&engine, static_cast<int64_t>(load.requests.size())));
  }
  const EngineStats before = engine.stats();
  if (held) held->ReleaseWhenAllWait();
  inference::LoadRun run = inference::RunLoad(target, load.requests, load.times, {}, &clock);
  *work = Difference(engine.stats(), before);
  return run;
}

absl::StatusOr<Rung> Climb(const RungPlan& plan, const std::vector<Load>& warm_ups,
                           const Load& load, const LadderOptions& options,
                           const std::shared_ptr<const inference::DecoderModel>& model) {
  STRATA_ASSIGN_OR_RETURN(
      const std::unique_ptr<inference::Engine> engine,
      inference::Engine::Create(
          model, std::make_shared<IdTokenizer>(static_cast<int>(model->vocab_size())),
          plan.engine));
  LadderTarget target(engine.get(), plan.recompute);
  const bool hold = options.rate == 0 && !plan.recompute;
  Rung rung;
  rung.name = plan.name;
  rung.idea = plan.idea;
  for (const Load& warm_up : warm_ups)
    STRATA_RETURN_IF_ERROR(Serve(*engine, target, warm_up, hold, &rung.work).status());
  STRATA_ASSIGN_OR_RETURN(rung.run, Serve(*engine, target, load, hold, &rung.work));
  rung.measures =
      inference::Summarize(rung.run.timings, rung.run.duration, {.percentiles = {50, 99}});
  for (const LoadRequest& request : load.requests)
    rung.answers.push_back(target.AnswerTo(request.ids));
  if (rung.measures.failed > 0) {
    for (const inference::RequestTiming& timing : rung.run.timings)
      if (!timing.success) return absl::InternalError(timing.error);
  }
  STRATA_RETURN_IF_ERROR(engine->CheckEmpty());
  return rung;
}

Claim AtMost(const std::string& claim, const char* what, int64_t value, double share, int64_t of) {
  const bool holds = static_cast<double>(value) <= share * static_cast<double>(of);
  return {claim, holds,
          absl::StrFormat("%d %s, %.2f of %d; at most %.2f is claimed", value, what,
                          of == 0 ? 0.0 : static_cast<double>(value) / static_cast<double>(of), of,
                          share)};
}

}  // namespace

std::vector<Claim> ClaimsOf(const std::vector<Rung>& rungs) {
  const Rung &naive = rungs[0], &cached = rungs[1], &batched = rungs[2], &paged = rungs[3],
             &chunked = rungs[4], &shared = rungs[5], &guessed = rungs[6];
  std::vector<Claim> claims;
  claims.push_back(AtMost("A KV cache saves most tokens", "tokens computed",
                          cached.work.step_tokens, 0.25, naive.work.step_tokens));
  claims.push_back(
      AtMost("Batching takes fewer steps", "steps", batched.work.steps, 0.6, cached.work.steps));
  claims.push_back(AtMost("Pages let more requests run together: fewer steps", "steps",
                          paged.work.steps, 0.8, batched.work.steps));
  constexpr int64_t kBound = 32;
  claims.push_back(
      {"Chunks bound the longest step",
       paged.StepsAbove(kBound) > 0 && chunked.StepsAbove(kBound) == 0,
       absl::StrCat("steps of more than ", kBound, " tokens: ", paged.StepsAbove(kBound),
                    " before, ", chunked.StepsAbove(kBound), " after")});
  claims.push_back(AtMost("A prefix cache computes shared prefixes once", "tokens computed",
                          shared.work.step_tokens, 0.7, chunked.work.step_tokens));
  // Not the steps of all: when many texts share a step, those whose guesses fail still need theirs.
  const int64_t generated = guessed.measures.total_output;
  claims.push_back({"Speculation: tokens come that no step of their own was spent on",
                    10 * guessed.work.accepted_tokens >= generated,
                    absl::StrCat(guessed.work.accepted_tokens, " of ", generated,
                                 " tokens were guessed rightly, in ", guessed.work.steps,
                                 " steps for ", shared.work.steps, "; at least 0.1 is claimed")});
  size_t same = 0;
  for (const Rung& rung : rungs) same += rung.answers == naive.answers;
  claims.push_back({"Every rung answers with the same tokens", same == rungs.size(),
                    absl::StrCat(same, " of ", rungs.size(), " rungs")});
  return claims;
}

int64_t Rung::StepsAbove(int64_t bound) const {
  int64_t steps = 0;
  for (size_t i = 0; i < work.iteration_tokens.size(); ++i)
    if (EngineStats::kIterationBounds[i] > bound) steps += work.iteration_tokens[i];
  return steps;
}

absl::StatusOr<std::vector<Rung>> ClimbLadder(const LadderOptions& options) {
  STRATA_ASSIGN_OR_RETURN(const auto model, LadderModel(options));
  STRATA_ASSIGN_OR_RETURN(const Load load, MakeLoad(options, model->vocab_size(), options.seed));
  std::vector<Load> warm_ups;  // two, as steps with guesses are not of the same sizes in each load
  for (uint64_t i = 1; options.warm_up && i <= 2; ++i) {
    STRATA_ASSIGN_OR_RETURN(warm_ups.emplace_back(),
                            MakeLoad(options, model->vocab_size(), options.seed + i));
  }
  std::vector<Rung> rungs;
  for (const RungPlan& plan : RungPlans()) {
    absl::StatusOr<Rung> rung = Climb(plan, warm_ups, load, options, model);
    if (!rung.ok()) return Annotate(rung.status(), plan.name);
    rungs.push_back(*std::move(rung));
  }
  return rungs;
}

}  // namespace strata::courses
