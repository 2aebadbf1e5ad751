# One function each for a folder of sources, a program and a fuzz target.

set(PORPOISE_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC bug 105651: false alarms on "text" + string, of which clang's build and the sanitizers know nothing.
  list(APPEND PORPOISE_WARNINGS -Wno-restrict -Wno-stringop-overflow -Wno-array-bounds)
endif()

# What most files read is read once: parsing the standard library is half of compiling a file of ours. That each
# file names all that it uses is seen with CMAKE_DISABLE_PRECOMPILE_HEADERS, by clang-tidy in ./check --full.
add_library(product_headers OBJECT ${CMAKE_SOURCE_DIR}/cmake/product_headers.cc)
target_compile_options(product_headers PRIVATE ${PORPOISE_WARNINGS})
target_include_directories(product_headers PRIVATE ${CMAKE_SOURCE_DIR})
target_precompile_headers(product_headers PRIVATE
  <algorithm> <functional> <map> <memory> <optional> <string> <variant> <vector>
  "${CMAKE_SOURCE_DIR}/libmail/result.h")

# Unit tests are built more often than they run, and what is tested is built apart, as users have it.
set(PORPOISE_TEST_OPTIONS ${PORPOISE_WARNINGS} -O0)
if(PORPOISE_TESTS)
  find_package(GTest REQUIRED)
  # The headers that every test reads, read once.
  add_library(test_headers OBJECT ${CMAKE_SOURCE_DIR}/cmake/test_headers.cc)
  target_compile_options(test_headers PRIVATE ${PORPOISE_TEST_OPTIONS})
  target_compile_definitions(test_headers PRIVATE PORPOISE_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  target_include_directories(test_headers PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(test_headers PRIVATE GTest::gmock GTest::gtest)
  target_precompile_headers(test_headers PRIVATE
    <filesystem> <fstream> <functional> <map> <optional> <set> <string> <vector>
    <gmock/gmock.h> <gtest/gtest.h> "${CMAKE_SOURCE_DIR}/libmail/result.h")
endif()

# porpoise_folder(NAME [NEEDS...]): the library of folder NAME (all its *.cc but
# *_test.cc) and, with PORPOISE_TESTS, one test program NAME_test of its *_test.cc.
function(porpoise_folder name)
  set(dir ${CMAKE_SOURCE_DIR}/${name})
  file(GLOB sources CONFIGURE_DEPENDS ${dir}/*.cc)
  file(GLOB tests CONFIGURE_DEPENDS ${dir}/*_test.cc)
  list(REMOVE_ITEM sources ${tests})
  if(NOT sources)
    return()
  endif()
  add_library(${name} STATIC ${sources})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_compile_options(${name} PRIVATE ${PORPOISE_WARNINGS})
  target_link_libraries(${name} PUBLIC ${ARGN})
  target_precompile_headers(${name} REUSE_FROM product_headers)
  if(PORPOISE_TESTS AND tests)
    add_executable(${name}_test ${tests})
    target_precompile_headers(${name}_test REUSE_FROM test_headers)
    target_compile_options(${name}_test PRIVATE ${PORPOISE_TEST_OPTIONS})
    target_compile_definitions(${name}_test PRIVATE PORPOISE_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    target_link_libraries(${name}_test PRIVATE ${name} GTest::gmock GTest::gtest GTest::gtest_main)
    set_target_properties(${name}_test PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/test)
  endif()
endfunction()

# All programs, and nothing else: what ./demo builds.
add_custom_target(programs)

# porpoise_program(NAME [STATIC] LIBS LIBRARY...): bin/NAME.cc as build/bin/NAME.
# Every program carries its libstdc++, since resolving it at each start costs more than
# the rest of the work; STATIC, for those that need no NSS, also carries libc.
function(porpoise_program name)
  cmake_parse_arguments(P "STATIC" "" "LIBS" ${ARGN})
  add_executable(program_${name} ${name}.cc)
  target_compile_options(program_${name} PRIVATE ${PORPOISE_WARNINGS})
  target_link_libraries(program_${name} PRIVATE ${P_LIBS})
  target_precompile_headers(program_${name} REUSE_FROM product_headers)
  if(P_STATIC)
    target_link_options(program_${name} PRIVATE -static)
  else()
    target_link_options(program_${name} PRIVATE -static-libstdc++ -static-libgcc)
  endif()
  set_target_properties(program_${name} PROPERTIES
    OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
  add_dependencies(programs program_${name})
endfunction()

# porpoise_fuzz(NAME LIBRARY...): fuzz/fuzz_NAME.cc with libFuzzer, as build/clang/fuzz/fuzz_NAME.
function(porpoise_fuzz name)
  add_executable(fuzz_${name} fuzz_${name}.cc)
  target_compile_options(fuzz_${name} PRIVATE ${PORPOISE_WARNINGS})
  target_link_libraries(fuzz_${name} PRIVATE ${ARGN})
  target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  set_target_properties(fuzz_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
endfunction()
