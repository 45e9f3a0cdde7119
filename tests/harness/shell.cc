#include "tests/harness/shell.h"

#include <cstdio>
#include <string>
#include <vector>

#include <sys/wait.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

#include "tests/harness/require.h"

namespace waybill::harness {

Said RunProgram(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) {
    absl::StrAppend(&line, "'", absl::StrReplaceAll(word, {{"'", "'\\''"}}), "' ");
  }
  FILE* pipe = popen(absl::StrCat(line, "2>&1").c_str(), "re");
  if (pipe == nullptr) {
    Fail(absl::StrCat("cannot start ", words.front()));
  }
  Said said;
  char buffer[4096];
  while (const std::size_t count = std::fread(buffer, 1, sizeof buffer, pipe)) {
    said.output.append(buffer, count);
  }
  const int status = pclose(pipe);
  said.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return said;
}

}  // namespace waybill::harness
