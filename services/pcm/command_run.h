#ifndef WAYBILL_SERVICES_PCM_COMMAND_RUN_H_
#define WAYBILL_SERVICES_PCM_COMMAND_RUN_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"

#include "common/clock/clock.h"
#include "common/model/definition_file.h"
#include "common/tree/directory.h"
#include "services/pcm/history.h"

namespace waybill::pcm {

/// Who runs what where.
struct CommandInput {
  const model::Offer& offer;
  const tree::Directory& root;  ///< Of the verified package.
  std::string sms_id;
  std::string home_directory;  ///< HOME of the command.
};

/// The argument vector that is run: as the offer has it, but a relative program without a leading
/// "./". INVALID_ARGUMENT, FAILED_PRECONDITION or NOT_FOUND if a relative program is not a file
/// beneath the package's root; an absolute one is taken as it is, since the package's command says
/// so. Nothing is searched in PATH.
absl::StatusOr<std::vector<std::string>> ResolveArguments(const CommandInput& input);

/// All that the command sees of its surroundings: PATH, HOME, LANG and the ids.
std::vector<std::string> CommandEnvironment(const CommandInput& input);

/// Runs the command and waits for its end; fills in the result in `record`, its step excepted. When
/// it returns no process of the command is left. `cancelled` ends it early, as interrupted.
void RunCommand(const CommandInput& input, const clock::Clock& clock,
                const std::function<bool()>& cancelled, RunRecord& record);

/// Output is cut to about this.
inline constexpr int kOutputBytesMax = 4096;

}  // namespace waybill::pcm

#endif  // WAYBILL_SERVICES_PCM_COMMAND_RUN_H_
