#ifndef WAYBILL_TESTS_HARNESS_SERVICE_H_
#define WAYBILL_TESTS_HARNESS_SERVICE_H_

#include <functional>
#include <map>
#include <string>
#include <vector>

#include <sys/types.h>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace waybill::harness {

/// Where the product's programs stand: the build's bin/, or $WAYBILL_BIN.
std::string ProgramPath(absl::string_view program);

/// A program of ours as a real process. Its standard output and error go to a file. It dies with
/// the thread that started it, however that ends, so start it from the test's main thread.
class Process {
 public:
  struct Options {
    std::string program;  ///< Absolute.
    std::vector<std::string> arguments;
    std::string log_path;                       ///< Appended to.
    std::vector<std::string> environment = {};  ///< "NAME=value"; besides these only PATH.
  };

  explicit Process(Options options) : options_(std::move(options)) {}
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void Start();
  bool IsRunning();  ///< Also while stopped.
  pid_t pid() const { return pid_; }

  void Kill9();     ///< Returns when it is gone. Nothing happens if it is not there.
  void Stop();      ///< SIGSTOP
  void Continue();  ///< SIGCONT

  /// SIGTERM, and the end as AwaitExit tells it.
  int Terminate(absl::Duration limit = absl::Seconds(20));

  /// The exit code once it has ended by itself, 128 + signal if a signal ended it. Throws
  /// VerbFailed if that takes longer.
  int AwaitExit(absl::Duration limit);

  /// All it has said, or the last `lines` of it.
  std::string Log() const;
  std::string LogTail(int lines) const;

  const Options& options() const { return options_; }
  Options& options() { return options_; }

 private:
  Options options_;
  pid_t pid_ = -1;
  int exit_code_ = -1;
};

/// One service of a site: a Process that says which ports it chose.
class Service {
 public:
  /// `on_start` gets the service after each start, when its ports are known.
  Service(std::string name, Process::Options options, std::string ports_path,
          std::function<void(const Service&)> on_start);

  const std::string& name() const { return name_; }

  /// Without waiting; AwaitServing waits until its listeners serve.
  void Launch();
  void AwaitServing(absl::Duration limit = absl::Seconds(30));
  void Start();

  void Kill9();
  void Stop() { process_.Stop(); }
  void Continue() { process_.Continue(); }
  void Restart();  ///< kill -9 if it runs, then Start.
  int Terminate() { return process_.Terminate(); }

  /// Of a listener, by its name in the ports file.
  int port(const std::string& listener) const;
  bool has_port(const std::string& listener) const { return ports_.contains(listener); }

  Process& process() { return process_; }
  const Process& process() const { return process_; }

 private:
  const std::string name_;
  Process process_;
  const std::string ports_path_;
  const std::function<void(const Service&)> on_start_;
  std::map<std::string, int> ports_;
};

}  // namespace waybill::harness

#endif  // WAYBILL_TESTS_HARNESS_SERVICE_H_
