Feature: Data
  Schemas, filters and the context.

  Scenario: An input that is not what it must be faults the run
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    input: {schema: {format: json, document: {type: object, required: [name]}}}
    do: [a: {set: {x: 1}}]
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/validation
    status: 400
    """
    And a should not run

  Scenario: What a task exports is the context from then on
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - first: {set: {x: 1}, export: {as: '${ {seen: .x} }'}}
      - second: {set: {y: 2}, export: {as: '$context + {then: .y}'}}
      - third: {set: '${ $context }'}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    seen: 1
    then: 2
    """

  Scenario: A context that is not what it must be is an error
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - attempt:
          try: [first: {set: {x: one}, export: {as: .x, schema: {format: json, document: {type: number}}}}]
          catch: {do: [caught: {set: '${ {context: $context} }'}]}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    context: null
    """

  Scenario: An output that is not what it must be is an error
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - first: {set: {x: one}, output: {as: .x, schema: {format: json, document: {type: number}}}}
    """
    When the workflow is executed
    Then the workflow should fault saying 'output' 'number'

  Scenario: Outputs of all tasks can be looked at
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - first: {set: {x: 1}}
      - second: {set: {x: 2}}
      - sum: {set: {sum: '${ $runtime.metadata.steps.first.x + $runtime.metadata.steps.second.x }', was: '${ $workflow.input.x }', name: '${ $task.name }', at: '${ $task.reference }'}}
    """
    And given the workflow input is:
    """yaml
    x: 5
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    sum: 3
    was: 5
    name: sum
    at: /do/2/sum
    """

  Scenario: Input and output of the workflow are shaped
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    input: {from: .wrapped}
    output: {as: {result: '${ .x * 2 }', raw: '${ $workflow.input.wrapped.x }'}}
    do:
      - keep: {set: {x: '${ .x + 1 }'}}
    """
    And given the workflow input is:
    """yaml
    wrapped: {x: 4}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    result: 10
    raw: 4
    """

  Scenario: A task whose condition does not hold is skipped
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - never: {if: .x > 5, set: {x: 0}, then: end}
      - always: {if: .x < 5, set: {y: '${ .x }'}}
    """
    And given the workflow input is:
    """yaml
    x: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    y: 1
    """
    And never should be skipped

  Scenario: Secrets reach a call and not the log
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    use: {secrets: [token]}
    do:
      - ask:
          call: http
          with:
            method: get
            endpoint: {uri: 'https://service.test/echo', authentication: {bearer: {token: '${ $secrets.token }'}}}
            headers: {x-mark: '${ "mark " + .mark }'}
            query: {a: '1 2', b: '3'}
          output: {as: '{right: (.authorization | length == 13), mark, query}'}
    """
    And given the workflow input is:
    """yaml
    mark: me
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    right: true
    mark: mark me
    query: a=1%202&b=3
    """

  Scenario: A body is sent as JSON
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - send: {call: http, with: {method: post, endpoint: 'https://service.test/echo', body: {a: '${ .a }'}}, output: {as: '{method, contentType, body}'}}
    """
    And given the workflow input is:
    """yaml
    a: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    method: POST
    contentType: application/json
    body: {a: 1}
    """

  Scenario: Answers come as text, in base 64 or whole
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - both:
          fork:
            branches:
              - text: {call: http, with: {method: get, endpoint: 'https://service.test/text'}}
              - bytes: {call: http, with: {method: get, endpoint: 'https://service.test/bytes'}}
              - raw: {call: http, with: {method: get, endpoint: 'https://service.test/text', output: raw}}
              - moved: {call: http, with: {method: get, endpoint: 'https://service.test/moved', redirect: true, output: response}, output: {as: .statusCode}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [plain, AAH/, cGxhaW4=, 302]
    """

  Scenario: Where an answer sends to is an error unless it is wanted
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - moved: {call: http, with: {method: get, endpoint: 'https://service.test/moved'}}
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    status: 302
    """

  Scenario: An operation of OpenAPI 3 is called
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - put: {call: openapi, with: {document: {endpoint: 'https://service.test/openapi.yaml'}, operationId: putNote, parameters: {id: 'a/b', mode: fast, text: hello}}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    id: a%2Fb
    query: mode=fast
    body: {text: hello}
    """

  Scenario: A function is called with its arguments
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    use:
      functions:
        double: {input: {schema: {format: json, document: {required: [x]}}}, set: {y: '${ .x * 2 }'}}
    do:
      - twice: {call: double, with: {x: '${ .start }'}, output: {as: .y}}
      - again: {call: double, with: {x: '${ . }'}}
    """
    And given the workflow input is:
    """yaml
    start: 3
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    y: 12
    """
