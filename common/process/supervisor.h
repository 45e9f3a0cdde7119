#ifndef WAYBILL_COMMON_PROCESS_SUPERVISOR_H_
#define WAYBILL_COMMON_PROCESS_SUPERVISOR_H_

#include <cstdint>

#include <sys/types.h>

/// The child process that starts a command and leaves nothing of it behind. Internal to this
/// folder.
namespace waybill::process {

/// All that the supervisor needs, made ready before the fork: between fork and exec in a process
/// with threads nothing may allocate. Descriptors are above 2.
struct SupervisorPlan {
  char* const* arguments;
  char* const* environment;
  int working_directory;  // -1 is "/".
  int null_device;
  int output;    // Write end: standard output and error of the command.
  int report;    // Write end: Report records.
  int lifeline;  // Read end: closed by the parent, willingly or by its death.
  pid_t parent;
  int64_t memory_bytes_max;  // -1 is none.
  int64_t file_bytes_max;    // -1 is none.
};

/// What is written to `report`. The end of the stream says that no process of the command is left.
struct Report {
  enum Kind : int32_t {
    kCannotEnter = 1,  // `value` is the errno of entering the working directory.
    kCannotRun,        // `value` is the errno of exec or fork.
    kEnded,            // `value` is the wait status of the command.
  };
  Kind kind;
  int32_t value;
};

/// The whole life of the supervisor, in the forked child with all signals blocked. Starts the
/// command, waits until it ends or the lifeline closes, then kills and reaps every descendant.
/// Calls only what is safe after a fork.
[[noreturn]] void Supervise(const SupervisorPlan& plan);

}  // namespace waybill::process

#endif  // WAYBILL_COMMON_PROCESS_SUPERVISOR_H_
