# cmake -DCOMPILER=... -DFOLDER=... -DINCLUDES=a;b -DHEADER=weir/weir.h -P check.cmake   compiles the header into FOLDER
# cmake -DCOMPILER=... -DFOLDER=... -DINCLUDES=a;b -DSOURCE=... -P check.cmake           checks a program that includes it
set(flags -std=c++20)
foreach(directory ${INCLUDES})
  list(APPEND flags -I${directory})
endforeach()
set(precompiled ${FOLDER}/precompiled.h)

if(HEADER)
  file(WRITE ${precompiled} "#include <${HEADER}>\n")
  # As .gch g++ takes it for the header of that name, and so does clang++.
  execute_process(COMMAND ${COMPILER} ${flags} -x c++-header ${precompiled} -o ${precompiled}.gch RESULT_VARIABLE result
                  ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "<${HEADER}> does not compile:\n${output}")
  endif()
  return()
endif()
list(APPEND flags -fsyntax-only -include ${precompiled})

file(STRINGS ${SOURCE} expectations REGEX "^// Expected: ")
if(NOT expectations)
  message(FATAL_ERROR "${SOURCE} does not say what is expected")
endif()

execute_process(COMMAND ${COMPILER} ${flags} ${SOURCE} RESULT_VARIABLE result ERROR_VARIABLE output)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "does not compile without the mistake either:\n${output}")
endif()

execute_process(COMMAND ${COMPILER} ${flags} -DWEIR_MISTAKE ${SOURCE} RESULT_VARIABLE result ERROR_VARIABLE output)
if(result EQUAL 0)
  message(FATAL_ERROR "compiles with the mistake")
endif()
foreach(expectation ${expectations})
  string(REPLACE "// Expected: " "" text "${expectation}")
  string(FIND "${output}" "${text}" position)
  if(position EQUAL -1)
    message(FATAL_ERROR "fails, but without saying '${text}':\n${output}")
  endif()
endforeach()
