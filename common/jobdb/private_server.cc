#include "common/jobdb/private_server.h"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"

#include "common/status/status_macros.h"

namespace waybill::jobdb {
namespace {

constexpr absl::string_view kScript = WAYBILL_PRIVATE_SERVER_SCRIPT;

std::string Quoted(absl::string_view word) {
  return absl::StrCat("'", absl::StrReplaceAll(word, {{"'", "'\\''"}}), "'");
}

std::string CommandLine(absl::string_view command, absl::string_view directory) {
  return absl::StrCat(Quoted(kScript), " ", command, " ", Quoted(directory));
}

// What the command printed, errors included.
absl::StatusOr<std::string> RunShell(const std::string& line) {
  FILE* pipe = popen(absl::StrCat(line, " 2>&1").c_str(), "re");
  if (pipe == nullptr) {
    return absl::InternalError("popen failed");
  }
  std::string output;
  char buffer[4096];
  while (const std::size_t count = std::fread(buffer, 1, sizeof buffer, pipe)) {
    output.append(buffer, count);
  }
  if (pclose(pipe) != 0) {
    return absl::InternalError(absl::StripAsciiWhitespace(output));
  }
  return output;
}

// Short: a socket's path has at most 107 bytes.
std::string MakeTemporaryDirectory() {
  std::string directory = "/tmp/waybill_pg_XXXXXX";
  return mkdtemp(directory.data()) != nullptr ? directory : std::string();
}

}  // namespace

absl::StatusOr<std::unique_ptr<PrivateServer>> PrivateServer::Start(Options options) {
  std::unique_ptr<PrivateServer> server(new PrivateServer(std::move(options)));
  if (server->directory_.empty() || server->guard_ == nullptr) {
    return absl::InternalError("no temporary directory, or no guard process");
  }
  WAYBILL_RETURN_IF_ERROR(server->Start());
  WAYBILL_ASSIGN_OR_RETURN(const std::string uri,
                           RunShell(absl::StrCat(CommandLine("uri", server->directory_), " x")));
  server->uri_prefix_ = uri.substr(0, uri.rfind("dbname=") + 7);
  return server;
}

PrivateServer::PrivateServer(Options options)
    : options_(std::move(options)),
      directory_(options_.directory.empty() ? MakeTemporaryDirectory() : options_.directory) {
  const std::string clean_up =
      options_.directory.empty() ? absl::StrCat("; rm -rf ", Quoted(directory_)) : "";
  // Ends with our end of its pipe, so a test that is killed leaves no server behind; in a session
  // of its own, so an interrupt at the keyboard does not reach it first.
  guard_ = popen(absl::StrCat("exec setsid sh -c ",
                              Quoted(absl::StrCat("cat >/dev/null; ",
                                                  CommandLine("abort", directory_), clean_up)))
                     .c_str(),
                 "we");
}

PrivateServer::~PrivateServer() {
  if (guard_ != nullptr) {
    pclose(guard_);
  }
}

std::string PrivateServer::UriOf(absl::string_view name) const {
  return absl::StrCat(uri_prefix_, name);
}

absl::Status PrivateServer::CreateDatabase(absl::string_view name) {
  std::vector<std::string> arguments = StartArguments();
  arguments.emplace_back(name);
  return Script("start", arguments);
}

absl::Status PrivateServer::Stop() {
  return Script("stop");
}

absl::Status PrivateServer::Abort() {
  return Script("abort");
}

absl::Status PrivateServer::Kill() {
  return Script("kill");
}

absl::Status PrivateServer::Start() {
  return Script("start", StartArguments());
}

std::vector<std::string> PrivateServer::StartArguments() const {
  std::vector<std::string> arguments = {"--connections", absl::StrCat(options_.connections_max),
                                        "--shared-buffers",
                                        absl::StrCat(options_.shared_buffers_mib, "MB")};
  if (options_.durable) {
    arguments.emplace_back("--durable");
  }
  if (options_.port != 0) {
    arguments.insert(arguments.end(), {"--port", absl::StrCat(options_.port)});
  }
  return arguments;
}

absl::Status PrivateServer::Script(absl::string_view command,
                                   const std::vector<std::string>& arguments) {
  std::string line = CommandLine(command, directory_);
  for (const std::string& argument : arguments) {
    absl::StrAppend(&line, " ", Quoted(argument));
  }
  return RunShell(line).status();
}

}  // namespace waybill::jobdb
