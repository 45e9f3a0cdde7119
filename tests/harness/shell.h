#ifndef WAYBILL_TESTS_HARNESS_SHELL_H_
#define WAYBILL_TESTS_HARNESS_SHELL_H_

#include <string>
#include <vector>

namespace waybill::harness {

/// What a program that is not ours said, or ours run as a user would run it.
struct Said {
  int exit_code = 0;
  std::string output;  ///< Of standard output and error, as they came.
};

/// Runs the words as a command with the environment of the test, and waits for its end.
Said RunProgram(const std::vector<std::string>& words);

}  // namespace waybill::harness

#endif  // WAYBILL_TESTS_HARNESS_SHELL_H_
