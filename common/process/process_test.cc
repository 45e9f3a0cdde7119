#include "common/process/process.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

#include "common/status/status_matchers.h"
#include "common/tree/test_directory.h"

namespace waybill::process {
namespace {

using Code = absl::StatusCode;
using testing::HasSubstr;

bool Never() {
  return false;
}

Command Shell(absl::string_view script) {
  Command command;
  command.arguments = {"/bin/sh", "-c", std::string(script)};
  command.environment = {"PATH=/usr/bin:/bin"};
  command.time_limit = absl::Seconds(30);
  return command;
}

bool IsGone(pid_t pid) {
  return kill(pid, 0) != 0 && errno == ESRCH;
}

/// The numbers that a script printed, one a line.
std::vector<pid_t> Pids(absl::string_view text) {
  std::vector<pid_t> pids;
  for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    pid_t pid = 0;
    EXPECT_TRUE(absl::SimpleAtoi(line, &pid)) << line;
    pids.push_back(pid);
  }
  return pids;
}

TEST(RunTest, TellsExitCodeAndOutput) {
  const absl::StatusOr<Outcome> outcome =
      process::Run(Shell("echo out; echo err >&2; exit 7"), Never);
  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ(outcome->exit_code, 7);
  EXPECT_FALSE(outcome->signal.has_value());
  EXPECT_FALSE(outcome->timed_out);
  EXPECT_FALSE(outcome->Succeeded());
  EXPECT_EQ(outcome->output, "out\nerr\n");
  EXPECT_GT(outcome->duration, absl::ZeroDuration());
}

TEST(RunTest, TellsTheSignalThatEndedIt) {
  const absl::StatusOr<Outcome> outcome = process::Run(Shell("kill -SEGV $$"), Never);
  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ(outcome->signal, SIGSEGV);
  EXPECT_FALSE(outcome->exit_code.has_value());
}

TEST(RunTest, InterpretsNoMetacharacters) {
  Command command;
  command.arguments = {"/bin/echo", "$HOME", "`id`", "$(id)", ";",
                       "*",         "a\nb",  "",     "|",     ">/dev/null"};
  const absl::StatusOr<Outcome> outcome = process::Run(command, Never);
  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ(outcome->output, "$HOME `id` $(id) ; * a\nb  | >/dev/null\n");
}

TEST(RunTest, PassesExactlyTheGivenEnvironment) {
  ASSERT_NE(environ[0], nullptr) << "we have an environment that could be passed on";
  Command command;
  command.arguments = {"/usr/bin/env"};
  command.environment = {"A=1", "B=two words"};
  const absl::StatusOr<Outcome> outcome = process::Run(command, Never);
  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ(outcome->output, "A=1\nB=two words\n");
}

TEST(RunTest, RunsInTheWorkingDirectoryEvenIfItWasRenamed) {
  const tree::TestDirectory temporary;
  const tree::Directory root = temporary.Open();
  const tree::Directory work = root.MakeDirectories("old").value();
  ASSERT_THAT(work.WriteFile("hook", "#!/bin/sh\npwd -P\n", {.mode = 0755}), IsOk());
  ASSERT_THAT(root.Rename("old", root, "new"), IsOk());
  Command command;
  command.arguments = {"hook"};
  command.working_directory = &work;
  const absl::StatusOr<Outcome> outcome = process::Run(command, Never);
  ASSERT_THAT(outcome, IsOk());
  EXPECT_THAT(outcome->output, HasSubstr("/new\n"));
}

TEST(RunTest, NamesAProgramThatIsMissingOrForbidden) {
  const tree::TestDirectory temporary;
  const tree::Directory root = temporary.Open();
  ASSERT_THAT(root.WriteFile("text", "not a program", {.mode = 0644}), IsOk());
  Command command;
  command.working_directory = &root;
  command.arguments = {"absent\n"};
  const absl::Status absent = process::Run(command, Never).status();
  EXPECT_THAT(absent, StatusIs(Code::kNotFound));
  EXPECT_THAT(std::string(absent.message()), HasSubstr("run \"absent\\n\""));
  command.arguments = {"text"};
  const absl::Status forbidden = process::Run(command, Never).status();
  EXPECT_THAT(forbidden, StatusIs(Code::kPermissionDenied));
  EXPECT_THAT(std::string(forbidden.message()), HasSubstr("run \"text\""));
  ASSERT_THAT(root.WriteFile("text", "not a program", {.mode = 0755}), IsOk());
  EXPECT_THAT(process::Run(command, Never), StatusIs(Code::kFailedPrecondition))
      << "no interpreter line";
}

TEST(RunTest, RefusesMalformedCommands) {
  Command command;
  EXPECT_THAT(process::Run(command, Never), StatusIs(Code::kInvalidArgument));
  command.arguments = {""};
  EXPECT_THAT(process::Run(command, Never), StatusIs(Code::kInvalidArgument));
  command.arguments = {std::string("a\0b", 3)};
  EXPECT_THAT(process::Run(command, Never), StatusIs(Code::kInvalidArgument));
  command.arguments = {"/bin/true"};
  for (const std::string& entry : {std::string("A"), std::string("=x"), std::string("A=\0", 3)}) {
    command.environment = {entry};
    EXPECT_THAT(process::Run(command, Never), StatusIs(Code::kInvalidArgument)) << entry;
  }
}

TEST(RunTest, KeepsBothEndsOfALongOutput) {
  Command command = Shell("echo first; head -c 10000000 /dev/zero | tr '\\0' x; echo; echo last");
  command.output_bytes_max = 1000;
  const absl::StatusOr<Outcome> outcome = process::Run(command, Never);
  ASSERT_THAT(outcome, IsOk());
  EXPECT_TRUE(outcome->Succeeded());
  EXPECT_LT(outcome->output.size(), 1100);
  EXPECT_TRUE(absl::StartsWith(outcome->output, "first\nxxx"));
  EXPECT_TRUE(absl::EndsWith(outcome->output, "xxx\nlast\n"));
  EXPECT_THAT(outcome->output, HasSubstr("[9999012 bytes cut]"));
}

TEST(RunTest, HasEmptyInputAndNoOtherDescriptors) {
  const int leaked = open("/dev/null", O_RDONLY);  // Without O_CLOEXEC.
  ASSERT_GE(leaked, 0);
  const absl::StatusOr<Outcome> outcome =
      process::Run(Shell("cat; ls /proc/$$/fd; readlink /proc/$$/fd/0"), Never);
  close(leaked);
  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ(outcome->output, "0\n1\n2\n/dev/null\n");
}

TEST(RunTest, HasDefaultSignalsAndNoWayToPrivilegesWhateverOursAre) {
  const sighandler_t old = signal(SIGPIPE, SIG_IGN);
  const absl::StatusOr<Outcome> outcome = process::Run(
      Shell("grep -E '^(SigBlk|SigIgn|NoNewPrivs)' /proc/self/status; umask; ulimit -c"), Never);
  signal(SIGPIPE, old);
  ASSERT_THAT(outcome, IsOk());
  const std::string text = absl::StrReplaceAll(outcome->output, {{"\t", " "}, {"\n", " "}});
  EXPECT_EQ(text, "SigBlk: 0000000000000000 SigIgn: 0000000000000000 NoNewPrivs: 1 0022 0 ");
}

TEST(RunTest, HoldsTheLimitOfFileLength) {
  const tree::TestDirectory temporary;
  const tree::Directory root = temporary.Open();
  Command command = Shell("head -c 100000 /dev/zero > big");
  command.working_directory = &root;
  command.file_bytes_max = 4096;
  const absl::StatusOr<Outcome> outcome = process::Run(command, Never);
  ASSERT_THAT(outcome, IsOk());
  EXPECT_FALSE(outcome->Succeeded());
  EXPECT_EQ(root.Stat("big").value().size_bytes, 4096);
}

TEST(RunTest, HoldsTheLimitOfMemory) {
  Command command =
      Shell("head -c 200000000 /dev/zero | tail -n 1 > /dev/null");  // One line of zeros.
  command.memory_bytes_max = 64 << 20;
  const absl::StatusOr<Outcome> outcome = process::Run(command, Never);
  ASSERT_THAT(outcome, IsOk());
  EXPECT_FALSE(outcome->Succeeded());
  EXPECT_THAT(outcome->output, HasSubstr("memory exhausted"));
}

TEST(RunTest, KillsEverythingAtTheTimeLimit) {
  Command command = Shell(
      "echo $$; sleep 1000 & echo $!;"
      "setsid sh -c 'echo $$; sleep 1000';"  // Waits for it: the rest is not reached.
      "echo unreachable");
  command.time_limit = absl::Milliseconds(300);
  const absl::StatusOr<Outcome> outcome = process::Run(command, Never);
  ASSERT_THAT(outcome, IsOk());
  EXPECT_TRUE(outcome->timed_out);
  EXPECT_EQ(outcome->signal, SIGKILL);
  EXPECT_FALSE(outcome->exit_code.has_value());
  EXPECT_GE(outcome->duration, absl::Milliseconds(300));
  EXPECT_LT(outcome->duration, absl::Seconds(20));
  const std::vector<pid_t> pids = Pids(outcome->output);
  ASSERT_EQ(pids.size(), 3);
  for (const pid_t pid : pids) EXPECT_TRUE(IsGone(pid)) << pid;
}

TEST(RunTest, KillsDaemonsThatForkedTwiceAndIgnoreSignals) {
  Command command = Shell(
      "(setsid sh -c 'trap \"\" TERM HUP INT; (setsid sh -c \"echo \\$\\$; sleep 1000\" &) ; echo "
      "$$; sleep 1000' &);"
      "sleep 1000");
  command.time_limit = absl::Milliseconds(500);
  const absl::StatusOr<Outcome> outcome = process::Run(command, Never);
  ASSERT_THAT(outcome, IsOk());
  EXPECT_TRUE(outcome->timed_out);
  const std::vector<pid_t> pids = Pids(outcome->output);
  ASSERT_EQ(pids.size(), 2);
  for (const pid_t pid : pids) EXPECT_TRUE(IsGone(pid)) << pid;
}

TEST(RunTest, KillsWhatAFinishedCommandLeftInTheBackground) {
  const absl::StatusOr<Outcome> outcome = process::Run(
      Shell("setsid sleep 1000 >/dev/null 2>&1 & echo $!; (sleep 1000 & echo $!) ; exit 3"), Never);
  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ(outcome->exit_code, 3);
  EXPECT_LT(outcome->duration, absl::Seconds(20));
  const std::vector<pid_t> pids = Pids(outcome->output);
  ASSERT_EQ(pids.size(), 2);
  for (const pid_t pid : pids) EXPECT_TRUE(IsGone(pid)) << pid;
}

TEST(RunTest, KillsATreeThatKeepsForking) {
  // Each process starts its successor and ends, so that no id lives for long.
  Command command = Shell("f() { f & }; f; f; f; sleep 1000");
  command.time_limit = absl::Milliseconds(300);
  const absl::StatusOr<Outcome> outcome = process::Run(command, Never);
  ASSERT_THAT(outcome, IsOk());
  EXPECT_TRUE(outcome->timed_out);
}

TEST(RunTest, AScriptThatKillsItsProcessGroupHarmsOnlyItself) {
  const absl::StatusOr<Outcome> outcome =
      process::Run(Shell("sleep 1000 & echo $!; kill -KILL 0"), Never);
  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ(outcome->signal, SIGKILL);
  EXPECT_TRUE(IsGone(Pids(outcome->output).at(0)));
}

TEST(RunTest, EndsWhenCancelled) {
  const tree::TestDirectory temporary;
  const tree::Directory root = temporary.Open();
  Command command = Shell("setsid sleep 1000 & echo $! > pid.new; mv pid.new pid; wait");
  command.working_directory = &root;
  const auto started = [&root] { return root.Exists("pid").value(); };
  EXPECT_THAT(process::Run(command, started), StatusIs(Code::kCancelled));
  EXPECT_TRUE(IsGone(Pids(root.ReadFile("pid", 100).value()).at(0)));
}

TEST(RunTest, ManyThreadsRunCommandsAtOnce) {
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([i] {
      for (int round = 0; round < 10; ++round) {
        const absl::StatusOr<Outcome> outcome =
            process::Run(Shell(absl::StrCat("echo ", i, "; exit ", i)), Never);
        ASSERT_THAT(outcome, IsOk());
        EXPECT_EQ(outcome->exit_code, i);
        EXPECT_EQ(outcome->output, absl::StrCat(i, "\n"));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(RunTest, WorksWhereOurChildrenAreReapedByTheKernel) {
  const sighandler_t old = signal(SIGCHLD, SIG_IGN);
  const absl::StatusOr<Outcome> outcome = process::Run(Shell("true; exit 5"), Never);
  signal(SIGCHLD, old);
  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ(outcome->exit_code, 5);
}

TEST(RunTest, WorksWhereOurStandardDescriptorsAreClosed) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    for (int descriptor : {0, 1, 2}) close(descriptor);
    const absl::StatusOr<Outcome> outcome = process::Run(Shell("echo x; exit 4"), Never);
    _exit(outcome.ok() && outcome->exit_code == 4 && outcome->output == "x\n" ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(RunTest, LeavesNoDescriptorsAndNoChildrenBehind) {
  const auto count = [] {
    return tree::Directory::Open("/proc/self/fd").value().List().value().size();
  };
  const size_t before = count();
  ASSERT_THAT(process::Run(Shell("exit 0"), Never), IsOk());
  Command missing;
  missing.arguments = {"/absent"};
  ASSERT_THAT(process::Run(missing, Never), StatusIs(Code::kNotFound));
  EXPECT_EQ(count(), before);
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST(RunTest, AKilledParentTakesTheWholeTreeWithIt) {
  const tree::TestDirectory temporary;
  const tree::Directory root = temporary.Open();
  const std::string fifo = temporary.path() + "/fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  const pid_t parent = fork();
  ASSERT_GE(parent, 0);
  if (parent == 0) {
    Command command = Shell("(setsid sleep 1000 & echo $! > fifo); sleep 1000");
    command.working_directory = &root;
    _exit(process::Run(command, Never).ok() ? 0 : 1);
  }
  const int reader = open(fifo.c_str(), O_RDONLY | O_CLOEXEC);
  char text[32] = {};
  ASSERT_GT(read(reader, text, sizeof(text) - 1), 0);
  close(reader);
  const pid_t daemon = Pids(text).at(0);
  const int handle = static_cast<int>(syscall(SYS_pidfd_open, daemon, 0));
  ASSERT_GE(handle, 0);
  ASSERT_EQ(kill(parent, SIGKILL), 0);
  ASSERT_EQ(waitpid(parent, nullptr, 0), parent);
  pollfd gone = {handle, POLLIN, 0};
  EXPECT_EQ(poll(&gone, 1, 20000), 1) << "the daemon " << daemon << " outlived our process";
  close(handle);
}

}  // namespace
}  // namespace waybill::process
