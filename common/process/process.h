#ifndef WAYBILL_COMMON_PROCESS_PROCESS_H_
#define WAYBILL_COMMON_PROCESS_PROCESS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "common/tree/directory.h"

/// Runs programs that are not ours.
namespace waybill::process {

struct Command {
  /// The program and its arguments, passed as they are: no shell, no expansion, no search in PATH.
  /// The program is absolute or relative to the working directory; where it stands is the caller's
  /// to check.
  std::vector<std::string> arguments;
  /// "NAME=value", exactly these. Nothing of our own environment is passed on.
  std::vector<std::string> environment;
  /// Where the program starts; "/" if null. Has to live until Run returns.
  const tree::Directory* working_directory = nullptr;
  absl::Duration time_limit = absl::Minutes(5);
  int64_t output_bytes_max = 64 << 10;
  std::optional<int64_t> memory_bytes_max;  ///< Address space of each process (RLIMIT_AS).
  std::optional<int64_t> file_bytes_max;    ///< Length of each file it writes (RLIMIT_FSIZE).
};

/// How a program ended. Exactly one of exit_code and signal is set.
struct Outcome {
  std::optional<int> exit_code;
  std::optional<int> signal;  ///< That ended it: SIGKILL when timed_out.
  bool timed_out = false;
  /// Standard output and error as they came. When longer than the limit, its first and its last
  /// half with a line between them that tells how much was cut. Bytes of the program's choice:
  /// escape before logging.
  std::string output;
  absl::Duration duration;

  bool Succeeded() const { return exit_code == 0; }
};

/// Runs a command and waits for its end. Threads may run commands at once.
///
///   our process ---- supervisor ---- command ---- ... its descendants
///                        ^_______________________________|  orphans come to the supervisor
///
/// When Run returns, no process of the command is left: not after the time limit, not after a
/// cancel, and not after a normal end, when whatever the command put into the background is killed
/// as well. Nor can one detach itself with setsid or a double fork, since the supervisor, a small
/// child of ours, inherits orphans (PR_SET_CHILD_SUBREAPER) and kills until nothing is left. It
/// does the same if our process dies in any way, kill -9 included. Out of reach are only processes
/// that others start for the command (a system manager, a container engine), and a command that
/// kills its supervisor on purpose, so it has to be trusted.
///
/// The command has /dev/null as input, no other descriptors, a session of its own, default signal
/// handling, umask 022, no core files, and cannot gain privileges (set-user-id programs such as
/// sudo run without them: a process of another user could not be killed).
///
/// `cancelled` is asked about 20 times a second, on the calling thread. The supervisor is a fork of
/// our process and keeps the pages that our process changes meanwhile: not for one that holds
/// gigabytes.
///
/// Errors: CANCELLED; INVALID_ARGUMENT for an empty list, a NUL, or an environment entry without
/// "="; NOT_FOUND, PERMISSION_DENIED, FAILED_PRECONDITION and so on (ErrnoToStatus) with the
/// program's name if it cannot be started; RESOURCE_EXHAUSTED or UNAVAILABLE if there are no
/// descriptors or processes left for it; INTERNAL if the supervisor was killed.
absl::StatusOr<Outcome> Run(const Command& command, absl::FunctionRef<bool()> cancelled);

}  // namespace waybill::process

#endif  // WAYBILL_COMMON_PROCESS_PROCESS_H_
