#include "inference/engine/stepper.h"

#include <utility>

#include "framework/graph/types.h"

namespace strata::inference {

absl::StatusOr<std::unique_ptr<Stepper>> Stepper::Create(
    const DecoderModel* model, compiler::CompiledEvaluator::Options options, int64_t cache_length) {
  std::unique_ptr<Stepper> stepper(new Stepper(model, cache_length));
  STRATA_ASSIGN_OR_RETURN(stepper->evaluator_,
                          compiler::CompiledEvaluator::Create(std::move(options)));
  STRATA_RETURN_IF_ERROR(stepper->ProgramFor(1).status());
  return stepper;
}

int64_t Stepper::ChunkSize(int64_t left) {
  for (int64_t chunk : {128, 16}) {
    if (left >= chunk) return chunk;
  }
  return 1;
}

absl::StatusOr<Stepper::Program*> Stepper::ProgramFor(int64_t tokens) {
  auto it = programs_.find(tokens);
  if (it != programs_.end()) return &it->second;
  Program program;
  STRATA_ASSIGN_OR_RETURN(program.graph, model_->BuildStep(1, tokens, cache_length_));
  STRATA_ASSIGN_OR_RETURN(program.loaded, evaluator_->Load(program.graph, {}));
  return &programs_.emplace(tokens, std::move(program)).first->second;
}

absl::StatusOr<SequenceState> Stepper::NewSequence() {
  STRATA_ASSIGN_OR_RETURN(Program * program, ProgramFor(1));
  SequenceState state;
  for (const auto& input : program->graph.inputs()) {
    if (input.kind() != graph::STATE) continue;
    const graph::Value& value = program->graph.values(static_cast<int>(input.value()));
    const graph::TensorType type = graph::TypeOf(value);
    state.caches[value.name()] = graph::HostTensor::Zeros(type.dtype, type.dims());
  }
  return state;
}

absl::StatusOr<graph::HostTensor> Stepper::Step(absl::Span<const int32_t> tokens,
                                                SequenceState* state) {
  const auto count = static_cast<int64_t>(tokens.size());
  if (state->length + count > cache_length_) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the sequence would have ", state->length + count,
                     " tokens; the KV cache holds ", cache_length_));
  }
  STRATA_ASSIGN_OR_RETURN(Program * program, ProgramFor(count));
  std::vector<graph::HostTensor> inputs;
  for (const auto& input : program->graph.inputs()) {
    const std::string& name = program->graph.values(static_cast<int>(input.value())).name();
    if (name == "tokens") {
      inputs.push_back(
          graph::HostTensor::FromVector<int32_t>({1, count}, {tokens.begin(), tokens.end()}));
    } else if (name == "start") {
      inputs.push_back(
          graph::HostTensor::FromVector<int32_t>({1}, {static_cast<int32_t>(state->length)}));
    } else if (input.kind() == graph::STATE) {
      inputs.push_back(state->caches.at(name));
    } else {
      auto weight = model_->weights().find(name);
      if (weight == model_->weights().end()) {
        return absl::NotFoundError(
            absl::StrCat("model '", model_->name(), "' has no weight '", name, "'"));
      }
      inputs.push_back(weight->second);
    }
  }
  STRATA_ASSIGN_OR_RETURN(std::vector<graph::HostTensor> outputs,
                          program->loaded->executable->Run(inputs, {}));
  state->length += count;
  return outputs.at(0);
}

}  // namespace strata::inference
