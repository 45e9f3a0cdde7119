# Target functions. A folder is one library; its CMakeLists.txt lists files by name (no globbing)
# and every direct dependency.

# What every target of ours has; generated code has none of it.
function(waybill_our_code target)
  target_link_libraries(${target} PRIVATE waybill_options)
  if(WAYBILL_CLANG_TIDY)
    set_target_properties(${target} PROPERTIES CXX_CLANG_TIDY ${WAYBILL_CLANG_TIDY_EXE})
  endif()
endfunction()

# waybill_cc_library(NAME rpc SRCS a.cc b.h DEPS absl::status) defines waybill::rpc. Header-only libraries
# list only headers; TESTONLY ones vanish without BUILD_TESTING. PCH names heavy headers that several of
# its sources include, such as <grpcpp/grpcpp.h>.
function(waybill_cc_library)
  cmake_parse_arguments(PARSE_ARGV 0 ARG "TESTONLY" "NAME" "SRCS;DEPS;PCH")
  if(ARG_TESTONLY AND NOT BUILD_TESTING)
    return()
  endif()
  set(target waybill_${ARG_NAME})
  if(ARG_SRCS MATCHES "\\.cc")
    add_library(${target} STATIC ${ARG_SRCS})
    target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR})
    target_link_libraries(${target} PUBLIC ${ARG_DEPS})
    waybill_our_code(${target})
    if(ARG_PCH)
      target_precompile_headers(${target} PRIVATE ${ARG_PCH})
    endif()
  else()
    add_library(${target} INTERFACE ${ARG_SRCS})
    target_include_directories(${target} INTERFACE ${PROJECT_SOURCE_DIR})
    target_link_libraries(${target} INTERFACE ${ARG_DEPS})
  endif()
  add_library(waybill::${ARG_NAME} ALIAS ${target})
endfunction()

add_custom_target(waybill_programs)  # Everything in bin/, without the tests.

# waybill_cc_binary(NAME waybill-sender SRCS main.cc DEPS waybill::sender) builds build/<preset>/bin/waybill-sender.
function(waybill_cc_binary)
  cmake_parse_arguments(PARSE_ARGV 0 ARG "" "NAME" "SRCS;DEPS")
  add_executable(${ARG_NAME} ${ARG_SRCS})
  target_include_directories(${ARG_NAME} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${ARG_NAME} PRIVATE ${ARG_DEPS})
  set_target_properties(${ARG_NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
  waybill_our_code(${ARG_NAME})
  add_dependencies(waybill_programs ${ARG_NAME})
endfunction()

# waybill_cc_test(NAME executor_test LABEL unit DEPS waybill::thread) builds executor_test.cc. One ctest test
# per binary, so that a private PostgreSQL is started once per file and not once per case. SRCS adds
# further sources; TIMEOUT is in seconds (180 unless told).
function(waybill_cc_test)
  cmake_parse_arguments(PARSE_ARGV 0 ARG "" "NAME;LABEL;TIMEOUT" "SRCS;DEPS")
  if(NOT BUILD_TESTING)
    return()
  endif()
  if(NOT ARG_LABEL MATCHES "^(unit|component|integration|faults)$")
    message(FATAL_ERROR "${ARG_NAME}: LABEL must name one test tier")
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 180)
  endif()
  add_executable(${ARG_NAME} ${ARG_NAME}.cc ${ARG_SRCS})
  target_include_directories(${ARG_NAME} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${ARG_NAME} PRIVATE ${ARG_DEPS} GTest::gmock GTest::gtest_main)
  waybill_our_code(${ARG_NAME})
  add_test(NAME ${ARG_NAME} COMMAND ${ARG_NAME})
  set_tests_properties(${ARG_NAME} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT})
  if(ARG_LABEL STREQUAL component)  # See every_statement_is_executed in tests/lint.
    set_tests_properties(${ARG_NAME} PROPERTIES DEPENDS statement_log_starts_empty
      ENVIRONMENT WAYBILL_STATEMENT_LOG=${PROJECT_BINARY_DIR}/executed_statements.txt)
    set_property(GLOBAL APPEND PROPERTY WAYBILL_COMPONENT_TESTS ${ARG_NAME})
  endif()
endfunction()

# waybill_proto_library(NAME job_proto PROTOS waybill/job/v1/job.proto ... DEPS waybill::x_proto) defines
# waybill::job_proto. A file whose name ends in _service also gets gRPC stubs. Generated code is compiled
# without our warnings and is a SYSTEM include.
function(waybill_proto_library)
  cmake_parse_arguments(PARSE_ARGV 0 ARG "" "NAME" "PROTOS;DEPS")
  set(out ${PROJECT_BINARY_DIR}/gen)
  file(MAKE_DIRECTORY ${out})
  foreach(proto IN LISTS ARG_PROTOS)
    string(REGEX REPLACE "\\.proto$" "" stem ${proto})
    set(outputs ${out}/${stem}.pb.cc ${out}/${stem}.pb.h)
    set(grpc_arguments)
    if(stem MATCHES "_service$")
      list(APPEND outputs ${out}/${stem}.grpc.pb.cc ${out}/${stem}.grpc.pb.h)
      set(grpc_arguments --grpc_out=${out} --plugin=protoc-gen-grpc=$<TARGET_FILE:gRPC::grpc_cpp_plugin>)
    endif()
    add_custom_command(OUTPUT ${outputs}
      COMMAND protobuf::protoc --cpp_out=${out} ${grpc_arguments} -I ${PROJECT_SOURCE_DIR}/proto ${proto}
      DEPENDS ${PROJECT_SOURCE_DIR}/proto/${proto} VERBATIM)
    list(APPEND generated ${outputs})
  endforeach()
  add_library(waybill_${ARG_NAME} STATIC ${generated})
  target_include_directories(waybill_${ARG_NAME} SYSTEM PUBLIC ${out})
  target_link_libraries(waybill_${ARG_NAME} PUBLIC protobuf::libprotobuf gRPC::grpc++ ${ARG_DEPS})
  add_library(waybill::${ARG_NAME} ALIAS waybill_${ARG_NAME})
endfunction()

# waybill_sql_library(NAME scheduler_sql NAMESPACE waybill::scheduler::sql FILES sql/get_transfer.sql)
# writes scheduler_sql.h with `inline constexpr jobdb::Statement kGetTransfer{"get_transfer", R"sql(...)sql", path};`
# for each file, and kAll, which lists them in the given order.
function(waybill_sql_library)
  cmake_parse_arguments(PARSE_ARGV 0 ARG "" "NAME;NAMESPACE" "FILES")
  foreach(path IN LISTS ARG_FILES)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${path})
    get_filename_component(stem ${path} NAME_WE)
    set(constant k)
    string(REPLACE "_" ";" words ${stem})
    foreach(word IN LISTS words)
      string(SUBSTRING ${word} 0 1 first)
      string(SUBSTRING ${word} 1 -1 rest)
      string(TOUPPER ${first} first)
      string(APPEND constant ${first}${rest})
    endforeach()
    file(READ ${path} text)
    file(RELATIVE_PATH shown ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/${path})
    string(APPEND body "inline constexpr jobdb::Statement ${constant}{
    \"${stem}\", R\"sql(${text})sql\",
    \"${shown}\"};\n")
    list(APPEND names ${constant})
  endforeach()
  list(JOIN names ", " all)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/include)
  file(CONFIGURE OUTPUT ${out}/${ARG_NAME}.h @ONLY CONTENT
"// Generated from *.sql by waybill_sql_library(). Do not edit.
#pragma once
#include \"common/jobdb/statement.h\"
namespace @ARG_NAMESPACE@ {
@body@inline constexpr jobdb::Statement kAll[] = {@all@};
}  // namespace @ARG_NAMESPACE@
")
  add_library(waybill_${ARG_NAME} INTERFACE)
  target_include_directories(waybill_${ARG_NAME} INTERFACE ${out} ${PROJECT_SOURCE_DIR})
  add_library(waybill::${ARG_NAME} ALIAS waybill_${ARG_NAME})
endfunction()
